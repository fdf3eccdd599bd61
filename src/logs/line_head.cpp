#include "logs/line_head.h"

#include <algorithm>

#include "base/text.h"

namespace gpuward::logs {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

size_t end_of_word(std::string_view text, size_t at) {
  while (at < text.size() && is_word(text[at])) ++at;
  return at;
}

struct Program {
  std::string_view name;
  bool has_pid = false;
  size_t end = 0;  // behind its colon and blank
};

// "kubelet[45878]: ", "kernel: "
std::optional<Program> program_at(std::string_view line, size_t at) {
  size_t end = at;
  while (end < line.size() &&
         (is_word(line[end]) || line[end] == '/' || line[end] == '@' ||
          line[end] == '(' || line[end] == ')')) {
    ++end;
  }
  if (end == at || end - at > 64) return std::nullopt;
  Program program{line.substr(at, end - at), false, 0};
  if (end < line.size() && line[end] == '[') {
    const size_t close = line.find(']', end);
    if (close == std::string_view::npos || close - end > 12) return {};
    program.has_pid = true;
    end = close + 1;
  }
  if (end >= line.size() || line[end] != ':') return std::nullopt;
  program.end = std::min(end + 1, line.size());
  if (program.end < line.size() && line[program.end] == ' ') ++program.end;
  return program;
}

// "HOST PROGRAM: ", or a program without a host. Any text may follow a time:
// only the kernel, and a program with its pid, are believed to stand behind a
// host.
void read_origin(std::string_view line, LineHead& head) {
  size_t at = head.body;
  while (at < line.size() && line[at] == ' ') ++at;
  if (const auto program = program_at(line, at)) {
    if (!program->has_pid && program->name != "kernel") return;
    head.program = program->name;
    head.body = program->end;
    return;
  }
  const size_t end = end_of_word(line, at);
  if (end == at || end >= line.size() || line[end] != ' ') return;
  const auto program = program_at(line, end + 1);
  if (!program || (!program->has_pid && program->name != "kernel")) return;
  head.host = line.substr(at, end - at);
  head.program = program->name;
  head.body = program->end;
}

// "[  123.456789] ", also with a thread ("[ T1234]") or a difference in it;
// true where one was there.
bool skip_kernel_stamp(std::string_view line, size_t& at) {
  if (at >= line.size() || line[at] != '[') return false;
  const size_t close = line.substr(0, at + 48).find(']', at);
  if (close == std::string_view::npos) return false;
  const auto inside = trim(line.substr(at + 1, close - at - 1));
  const auto number = inside.substr(0, inside.find(' '));
  const size_t dot = number.find('.');
  if (dot == std::string_view::npos || number.size() - dot != 7) return false;
  if (!std::ranges::all_of(number, [](char c) {
        return c == '.' || c == '+' || (c >= '0' && c <= '9');
      })) {
    return false;
  }
  at = close + 1;
  while (at < line.size() && line[at] == ' ') ++at;
  const bool caller =
      at + 2 < line.size() && line[at] == '[' &&
      (line[at + 1] == ' ' || line[at + 1] == 'T' || line[at + 1] == 'C');
  const size_t end =
      caller ? line.substr(0, at + 12).find(']', at) : std::string_view::npos;
  if (end != std::string_view::npos) at = end + 1;
  while (at < line.size() && line[at] == ' ') ++at;
  return true;
}

// A line number, a bracket, "file:" or a pod's name may stand in front.
void read_time(std::string_view line, const YearHint& hint, LineHead& head) {
  constexpr size_t kNear = 24;
  constexpr size_t kFar = 120;
  const size_t limit = std::min<size_t>(line.size(), kFar);
  bool one_word = true;
  for (size_t at = 0; at < limit; ++at) {
    const char before = at == 0 ? ' ' : line[at - 1];
    if (before == ' ' && at > 0) one_word = false;
    const bool starts = before == ' ' || before == '[' || before == '"' ||
                        ((before == ':' || before == '-') && one_word);
    // NAME = "…" is a program's, not a log's.
    const bool assigned = at > 2 && line.substr(at - 3, 3) == "= \"";
    if (!starts || assigned) continue;
    if (at >= kNear && !one_word && line.front() != '[') return;
    const auto stamp = stamp_at(line.substr(at), hint);
    if (!stamp) continue;
    head.when = stamp->when;
    head.has_year = stamp->has_year;
    head.body = at + stamp->size;
    if (before == '[' && head.body < line.size() && line[head.body] == ']') {
      ++head.body;
      while (head.body < line.size() && line[head.body] == ' ') ++head.body;
      // dmesg -T; others write "[2025-07-30 …] [ERROR]" as well.
      const bool ctime = stamp->has_year && line[at] >= 'A';
      if (ctime && at <= kNear && line[head.body - 1] == ' ' &&
          (head.body >= line.size() || line[head.body] != '[')) {
        head.source = "kernel-log";
      }
      return;
    }
    // dmesg --time-format iso writes a comma, and nothing but the message.
    const auto text = line.substr(at, stamp->size);
    if (text.find(',') != std::string_view::npos &&
        text.find('T') != std::string_view::npos && text.size() > 25) {
      head.source = "kernel-log";
    } else if (stamp->is_syslog) {
      read_origin(line, head);
    }
    return;
  }
}

std::string_view source_of(std::string_view line, const LineHead& head) {
  if (head.program == "kernel") return "kernel-log";
  if (head.program == "kubelet") return "kubelet-log";
  if (head.program == "systemd" &&
      line.substr(0, 200).find("systemd[1]:") != std::string_view::npos) {
    return "systemd-log";
  }
  if (!head.program.empty()) return "log";
  const auto start = line.substr(0, 160);
  const auto has = [&](std::string_view word) {
    return start.find(word) != std::string_view::npos;
  };
  if (has("kubelet[")) return "kubelet-log";
  if (has("systemd[1]:")) return "systemd-log";
  // A program's source may hold such a line.
  const size_t kernel = start.find(" kernel: ");
  if (kernel < start.find(" = \"")) return "kernel-log";
  return trim(line).starts_with("NVRM: ") ? "kernel-log" : "log";
}

// journalctl -o short-monotonic: "[ 1234.567890] host kernel: …"
void read_monotonic_origin(std::string_view line, LineHead& head) {
  const size_t end = end_of_word(line, head.body);
  if (end == head.body || end >= line.size() || line[end] != ' ') return;
  const auto program = program_at(line, end + 1);
  const bool known = program && (program->name == "kernel" ||
                                 (program->has_pid && program->end < 100));
  if (!known) return;
  head.host = line.substr(head.body, end - head.body);
  head.program = program->name;
  head.body = program->end;
}

}  // namespace

LineHead line_head(std::string_view line, const YearHint& hint) {
  LineHead head;
  size_t at = 0;
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  if (skip_kernel_stamp(line, at)) {
    head.body = at;
    read_monotonic_origin(line, head);
    const auto body = line.substr(head.body);
    // systemd writes to the kernel's log as well, early and late.
    head.source = !head.program.empty()             ? source_of(line, head)
                  : body.starts_with("systemd[1]:") ? "systemd-log"
                                                    : "kernel-log";
    return head;
  }
  read_time(line, hint, head);
  skip_kernel_stamp(line, head.body);
  if (head.source.empty()) head.source = source_of(line, head);
  return head;
}

std::string host_name(std::string_view host) {
  std::string name = to_lower(host);
  const bool address = std::ranges::all_of(
      name, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  if (!address) name = name.substr(0, name.find('.'));
  constexpr std::string_view kNobody[] = {"localhost", "kernel", "unknown",
                                          "none",      "host",   "hostname"};
  if (std::ranges::find(kNobody, name) != std::end(kNobody)) return {};
  return name;
}

}  // namespace gpuward::logs
