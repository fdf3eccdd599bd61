#include "evidence/pod_logs.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "evidence/log_file.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "pod-log";
constexpr std::string_view kFolder = "/var/log/pods";
constexpr size_t kMaxBytes = 256 << 10;
constexpr size_t kMaxFiles = 24;

// The highest number: "3.log" of "0.log", "3.log", "3.log.20250805-084016.gz".
std::optional<std::string> newest_log(const host::Root& root,
                                      const std::string& folder) {
  const auto names = root.list(folder);
  if (!names) return std::nullopt;
  std::optional<int> newest;
  for (const std::string_view name : *names) {
    if (!name.ends_with(".log")) continue;
    const auto number = to_number<int>(name.substr(0, name.size() - 4));
    if (number && (!newest || *number > *newest)) newest = number;
  }
  if (!newest) return std::nullopt;
  return fmt::format("{}/{}.log", folder, *newest);
}

void add_file(const host::Root& root, const std::string& path, Collected& out) {
  const auto lines = read_tail(root, path, kMaxBytes);
  if (!lines) {
    out.gaps.push_back(gap_of(kSource, lines.error()));
    return;
  }
  for (const FileLine& line : *lines) {
    Evidence item;
    item.source = kSource;
    item.text = without_cri_head(line.text);
    item.file = path;
    item.line = line.line;
    out.evidence.push_back(std::move(item));
  }
}

}  // namespace

bool is_pod_of_interest(std::string_view folder) {
  const auto parts = split(folder, '_');
  if (parts.size() != 3) return false;
  constexpr std::array<std::string_view, 4> kParts = {
      "nvidia-device-plugin", "mps-control-daemon", "mig-manager", "nvdp-"};
  return std::ranges::any_of(kParts, [&parts](std::string_view part) {
    return parts[1].find(part) != std::string_view::npos;
  });
}

std::string_view without_cri_head(std::string_view line) {
  for (const std::string_view stream :
       {" stdout F ", " stderr F ", " stdout P ", " stderr P "}) {
    const size_t at = line.find(stream);
    // After a time such as 2025-08-05T08:40:16.431856123+08:00.
    constexpr size_t kLongestTime = 40;
    if (at <= kLongestTime) {
      return line.substr(at + stream.size());
    }
  }
  return line;
}

Collected collect_pod_logs(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  const auto pods = root.list(kFolder);
  if (!pods) {
    if (pods.error().kind != Error::Kind::not_found) {
      out.gaps.push_back(gap_of(kSource, pods.error()));
    }
    return out;
  }
  size_t files = 0;
  for (const std::string& pod : *pods) {
    if (!is_pod_of_interest(pod)) continue;
    const std::string folder = fmt::format("{}/{}", kFolder, pod);
    const auto containers = root.list(folder);
    if (!containers) continue;
    for (const std::string& container : *containers) {
      const auto path = newest_log(root, folder + "/" + container);
      if (!path || ++files > kMaxFiles) continue;
      add_file(root, *path, out);
    }
  }
  return out;
}

}  // namespace gpuward::evidence
