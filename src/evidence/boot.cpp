#include "evidence/boot.h"

#include <fmt/core.h>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "boot";

Millis to_millis(double seconds) {
  return Millis(static_cast<int64_t>(seconds * 1000));
}

void add_text(Collected& out, std::string_view key, std::string_view what,
              const Result<std::string>& text) {
  if (!text || text->empty()) return;
  const std::string shown = printable(*text, 200);
  out.evidence.push_back(
      node_fact(kSource, key, shown, fmt::format("{} {}", what, shown)));
}

}  // namespace

Result<double> uptime_seconds(const host::Root& root) {
  const std::string text = TRY(root.read("/proc/uptime", 4096));
  const auto fields = words(text);
  const auto seconds = fields.empty() ? std::nullopt : to_double(fields[0]);
  if (!seconds || *seconds < 0) {
    return fail(Error::Kind::malformed, "/proc/uptime makes no sense");
  }
  return *seconds;
}

Result<std::string> hostname(const host::Root& root) {
  auto name = root.read_word("/proc/sys/kernel/hostname");
  return name ? name : root.read_word("/etc/hostname");
}

std::string pretty_name(std::string_view os_release) {
  for (std::string_view line : split(os_release, '\n')) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    line = trim(line.substr(line.find('=') + 1));
    const bool quoted = line.size() >= 2 && line.front() == line.back() &&
                        (line.front() == '"' || line.front() == '\'');
    return std::string(quoted ? line.substr(1, line.size() - 2) : line);
  }
  return {};
}

std::optional<Wall> boot_time(const host::Root& root) {
  const auto seconds = uptime_seconds(root);
  if (!seconds) return std::nullopt;
  return wall_now() - to_millis(*seconds);
}

Collected collect_boot(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  if (const auto seconds = uptime_seconds(root)) {
    out.evidence.push_back(
        node_fact(kSource, fact::kUptimeDays, *seconds / 86400,
                  "up " + to_words(to_millis(*seconds)), "/proc/uptime"));
  } else {
    out.gaps.push_back(gap_of(kSource, seconds.error()));
  }
  add_text(out, fact::kKernel, "kernel",
           root.read_word("/proc/sys/kernel/osrelease"));
  add_text(out, fact::kHostname, "host", hostname(root));
  auto release = root.read("/etc/os-release", 64 << 10);
  if (!release) release = root.read("/usr/lib/os-release", 64 << 10);
  if (release) add_text(out, fact::kOs, "os", pretty_name(*release));
  return out;
}

}  // namespace gpuward::evidence
