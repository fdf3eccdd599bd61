#include "evidence/kernel_log.h"

#include <fmt/core.h>

#include "base/text.h"
#include "evidence/boot.h"
#include "evidence/journal.h"
#include "evidence/log_file.h"
#include "host/task.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "kernel-log";
constexpr size_t kMaxFile = 8 << 20;
constexpr std::string_view kFiles[] = {"/var/log/kern.log", "/var/log/messages",
                                       "/var/log/syslog"};
// The first message of every boot.
constexpr std::string_view kFirstMessage = "Linux version ";

Evidence line_of(std::string text, std::optional<Wall> when,
                 const std::string& file, int64_t number = 0) {
  Evidence out;
  out.source = kSource;
  out.text = std::move(text);
  out.when = when;
  out.file = file;
  out.line = number;
  return out;
}

std::optional<Wall> after(std::optional<Wall> boot,
                          std::optional<uint64_t> usec) {
  if (!boot || !usec) return std::nullopt;
  return *boot + Millis(static_cast<int64_t>(*usec / 1000));
}

// What is older than `before_usec`, from the journal.
Result<std::vector<Evidence>> from_journal(
    const host::Root& root, std::optional<uint64_t> before_usec) {
  std::vector<Evidence> out;
  JournalQuery query;
  query.matches = {"_TRANSPORT=kernel"};
  query.boot_id = TRY(host::boot_id_of(root));
  query.before_usec = before_usec;
  JournalLines journal = TRY(read_journal(root, query));
  for (JournalLine& line : journal.lines) {
    out.push_back(line_of(std::move(line.text), line.when, "journal"));
  }
  return out;
}

// The same from the first syslog file that has any.
std::vector<Evidence> from_files(const host::Root& root,
                                 std::optional<Wall> boot,
                                 std::optional<uint64_t> before_usec) {
  std::vector<Evidence> out;
  for (const std::string_view path : kFiles) {
    const auto lines = read_tail(root, path, kMaxFile);
    if (!lines) continue;
    for (const FileLine& line : *lines) {
      auto parsed = parse_kernel_line(line.text);
      if (!parsed) continue;
      if (parsed->text.starts_with(kFirstMessage)) out.clear();  // a new boot
      if (parsed->boot_usec && before_usec &&
          *parsed->boot_usec >= *before_usec) {
        continue;  // the ring has it
      }
      out.push_back(line_of(std::move(parsed->text),
                            after(boot, parsed->boot_usec), std::string(path),
                            line.line));
    }
    if (!out.empty()) return out;
  }
  return out;
}

void add_older(Collected& out, const host::Root& root, std::optional<Wall> boot,
               std::optional<uint64_t> before_usec) {
  auto lines = from_journal(root, before_usec);
  if (lines && !lines->empty()) {
    out.evidence = std::move(*lines);
    return;
  }
  out.evidence = from_files(root, boot, before_usec);
  if (!lines && lines.error().kind != Error::Kind::not_found &&
      out.evidence.empty()) {
    out.gaps.push_back({std::string(kSource), lines.error().text});
  }
}

Gap unreadable(const Error& error) {
  if (error.kind == Error::Kind::denied) {
    return {std::string(kSource), "not readable: run as root or in group adm"};
  }
  return {std::string(kSource), error.text};
}

}  // namespace

std::string what_is_missing(const KmsgRing& ring) {
  if (ring.records.empty()) return "the kernel's ring is empty";
  std::string text;
  const uint64_t first = ring.records.front().sequence;
  if (first > 0) {
    text =
        fmt::format("the first {} messages have left the kernel's ring", first);
  }
  if (ring.lost > 0) {
    text += fmt::format("{}{} messages were overwritten while it was read",
                        text.empty() ? "" : "; ", ring.lost);
  }
  if (ring.cut) {
    text += fmt::format("{}the ring is too long to be read whole",
                        text.empty() ? "" : "; ");
  }
  return text;
}

Collected collect_kernel_log(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  const auto boot = boot_time(root);
  const auto ring = read_kmsg(root);
  if (!ring || !ring->is_complete()) {
    std::optional<uint64_t> before;
    if (ring && !ring->records.empty()) {
      before = ring->records.front().boot_usec;
    }
    add_older(out, root, boot, before);
  }
  const bool has_older = !out.evidence.empty();
  if (!ring) {
    if (!has_older) out.gaps.push_back(unreadable(ring.error()));
    return out;
  }
  for (const KmsgRecord& record : ring->records) {
    out.evidence.push_back(
        line_of(record.text, after(boot, record.boot_usec), ring->file));
  }
  const std::string missing = what_is_missing(*ring);
  // What has left the ring is no loss where the journal still has it.
  if (!missing.empty() && (!has_older || ring->lost > 0 || ring->cut)) {
    out.gaps.push_back({std::string(kSource), missing});
  }
  return out;
}

}  // namespace gpuward::evidence
