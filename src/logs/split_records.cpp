#include "logs/split_records.h"

#include <utility>

#include "base/text.h"
#include "logs/timestamp.h"

namespace gpuward::logs {
namespace {

constexpr std::string_view kLog = "{\"log\":\"";
constexpr std::string_view kStream = "\",\"stream\":\"";
// docker cuts there; a shorter record without a line break is a whole one.
constexpr size_t kDockerCuts = size_t{16} << 10;
constexpr size_t kStamp = 64;  // a time and the stream's name at most

struct Part {
  bool is_error = false;
  bool more = false;  // others follow
  size_t begin = 0;   // of the message
  size_t end = 0;
};

// {"log":"…","stream":"stderr","time":"…"}
bool docker_part(std::string_view line, Part& part) {
  if (!line.starts_with(kLog)) return false;
  const size_t end = line.rfind(kStream);
  if (end == std::string_view::npos) return false;
  part.begin = kLog.size();
  part.end = end;
  part.is_error = line.substr(end + kStream.size()).starts_with("stderr");
  part.more =
      end - part.begin >= kDockerCuts && !line.substr(0, end).ends_with("\\n");
  return true;
}

// "2026-07-30T20:39:03.75Z stderr P message"
bool cri_part(std::string_view line, Part& part) {
  const auto head = line.substr(0, kStamp);
  for (const bool is_error : {false, true}) {
    const size_t at = head.find(is_error ? " stderr " : " stdout ");
    if (at == std::string_view::npos) continue;
    constexpr size_t kName = 8;
    const size_t flag = at + kName;
    if (line.size() < flag + 2 || line[flag + 1] != ' ') return false;
    part.is_error = is_error;
    part.more = line[flag] == 'P';
    part.begin = flag + 2;
    part.end = line.size();
    return part.more || line[flag] == 'F';
  }
  return false;
}

}  // namespace

bool is_container_log(std::string_view head) {
  const auto first = head.substr(0, head.find('\n'));
  Part part;
  return first.starts_with(kLog) ||
         (cri_part(first, part) && stamp_at(first, {}).has_value());
}

void SplitRecords::line(std::string_view line, std::string& out) {
  Part part;
  if (!docker_part(line, part) && !cri_part(line, part)) {
    out += line;
    out += '\n';
    return;
  }
  Held& held = part.is_error ? error_part_ : out_part_;
  if (held.parts == 0 && !part.more) {
    out += line;
    out += '\n';
    return;
  }
  const auto message = line.substr(part.begin, part.end - part.begin);
  if (held.parts == 0) held.text = line.substr(0, part.begin);
  if (held.text.size() + message.size() <= kLongest) held.text += message;
  ++held.parts;
  out += '\n';
  if (part.more) return;
  out.pop_back();
  // A part of CRI's is marked as one; the whole is none.
  const size_t flag = held.text.substr(0, kStamp).find(" P ");
  if (!held.text.starts_with('{') && flag != std::string::npos) {
    held.text[flag + 1] = 'F';
  }
  out += held.text;
  out += line.substr(part.end);
  out += '\n';
  held = {};
}

void SplitRecords::flush(std::string& out) {
  for (Held* held : {&out_part_, &error_part_}) {
    if (held->parts == 0) continue;
    out += held->text;
    out += '\n';
    *held = {};
  }
}

}  // namespace gpuward::logs
