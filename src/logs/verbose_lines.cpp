#include "logs/verbose_lines.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "logs/timestamp.h"

namespace gpuward::logs {
namespace {

constexpr std::string_view kCursor = " [s=";

// "Wed 2025-07-30 20:39:03.123456 UTC [s=…;i=…;…]"; where its time ends.
size_t entry_head(std::string_view line) {
  if (line.empty() || line.front() == ' ') return 0;
  const size_t cursor = line.substr(0, 80).find(kCursor);
  if (cursor == std::string_view::npos || !stamp_at(line, {})) return 0;
  return cursor;
}

}  // namespace

bool is_verbose(std::string_view head) {
  // journalctl may say first which time it shows.
  if (head.starts_with("-- ")) {
    head.remove_prefix(std::min(head.find('\n'), head.size() - 1) + 1);
  }
  const size_t first = head.find('\n');
  return first != std::string_view::npos &&
         entry_head(head.substr(0, first)) != 0 &&
         head.substr(first + 1).starts_with("    ");
}

void VerboseLines::line(std::string_view line, std::string& out) {
  if (const size_t end = entry_head(line); end != 0) {
    flush(out);
    when_ = line.substr(0, end);
    lines_ = 1;
    return;
  }
  if (when_.empty()) {
    out += line;
    out += '\n';
    return;
  }
  ++lines_;
  const auto field = trim(line);
  const size_t equals = field.find('=');
  const std::pair<std::string_view, std::string*> kFields[] = {
      {"MESSAGE", &message_},
      {"_HOSTNAME", &host_},
      {"_COMM", &command_},
      {"_PID", &pid_},
      {"SYSLOG_IDENTIFIER", &identifier_}};
  for (const auto& [name, value] : kFields) {
    if (field.substr(0, equals) == name && equals != std::string_view::npos) {
      value->assign(field.substr(equals + 1));
    }
  }
}

void VerboseLines::flush(std::string& out) {
  if (when_.empty()) return;
  const std::string& name = identifier_.empty() ? command_ : identifier_;
  out += when_;
  if (!host_.empty()) out += " " + host_;
  if (!name.empty()) {
    const bool named = !pid_.empty() && name != "kernel";
    out += " " + name + (named ? "[" + pid_ + "]: " : ": ");
  } else {
    out += ' ';
  }
  out += message_;
  out.append(lines_, '\n');
  for (std::string* one :
       {&when_, &message_, &host_, &identifier_, &command_, &pid_}) {
    one->clear();
  }
}

}  // namespace gpuward::logs
