#include "logs/unwrap.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "logs/json_line.h"
#include "logs/timestamp.h"

namespace gpuward::logs {
namespace {

constexpr std::array<std::string_view, 8> kFacilities = {
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news"};
constexpr std::array<std::string_view, 10> kLevels = {
    "emerg",   "alert",  "crit", "err",   "warn",
    "warning", "notice", "info", "debug", "error"};

// Most lines are none of these, and there may be millions: each form is
// refused by its first bytes.
bool begins_with_digit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

// Colours and other commands to a terminal.
std::string without_escapes(std::string_view line) {
  std::string out;
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] != '\x1b') {
      out += line[at];
      continue;
    }
    const char kind = at + 1 < line.size() ? line[at + 1] : '\0';
    if (kind == '[') {
      at += 2;
      while (at < line.size() && (line[at] < '@' || line[at] > '~')) ++at;
    } else if (kind == ']') {  // a window's title, up to BEL or ESC and '\\'
      while (at < line.size() && line[at] != '\a') {
        if (line.substr(at, 2) == "\x1b\\") break;
        ++at;
      }
      if (at < line.size() && line[at] == '\x1b') ++at;
    } else {
      ++at;
    }
  }
  return out;
}

// "&lt;4&gt;" as a web page shows it: "<4>".
std::string without_entities(std::string_view line) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"lt", "<"},   {"gt", ">"},    {"amp", "&"}, {"quot", "\""},
      {"apos", "'"}, {"nbsp", " "},  {"#39", "'"}, {"#x27", "'"},
      {"#34", "\""}, {"#x22", "\""}, {"#91", "["}, {"#93", "]"}};
  constexpr size_t kLongest = 6;
  std::string out;
  for (size_t at = 0; at < line.size(); ++at) {
    const size_t end = line[at] == '&' ? line.substr(at, kLongest).find(';')
                                       : std::string_view::npos;
    const auto* found = std::end(kNames);
    if (end != std::string_view::npos) {
      found = std::ranges::find(
          kNames, line.substr(at + 1, end - 1),
          &std::pair<std::string_view, std::string_view>::first);
    }
    if (found == std::end(kNames)) {
      out += line[at];
    } else {
      out += found->second;
      at += end;
    }
  }
  return out;
}

bool is_name(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

// "[pod/plugin-abc12/ctr] " (kubectl logs --prefix)
bool take_pod(std::string_view& text) {
  if (!text.starts_with("[pod/")) return false;
  const size_t end = text.substr(0, 400).find("] ");
  if (end == std::string_view::npos) return false;
  text.remove_prefix(end + 2);
  return true;
}

// "plugin-1  | " (docker compose logs). A row of a table begins with its bar.
bool take_service(std::string_view& text) {
  constexpr size_t kMost = 80;
  const size_t bar = text.substr(0, kMost).find(" | ");
  if (bar == std::string_view::npos) return false;
  const auto name = trim(text.substr(0, bar));
  const size_t number = name.find_last_not_of("0123456789");
  if (!is_name(name) || number == std::string_view::npos ||
      number + 1 == name.size() ||
      (name[number] != '-' && name[number] != '_')) {
    return false;
  }
  text.remove_prefix(bar + 3);
  return true;
}

// "> > ", as mail and trackers quote.
std::string_view without_quotes(std::string_view line) {
  while (true) {
    if (line.starts_with('>')) {
      line.remove_prefix(1);
    } else {
      return line;
    }
    if (line.starts_with(' ')) line.remove_prefix(1);
  }
}

// "2026-07-30T20:39:03.75Z stderr F message"
bool take_cri(Unwrapped& out) {
  if (!begins_with_digit(out.text)) return false;
  for (const std::string_view stream : {" stdout ", " stderr "}) {
    const size_t at = out.text.substr(0, 48).find(stream);
    if (at == std::string_view::npos) continue;
    const auto rest = out.text.substr(at + stream.size());
    const auto stamp = stamp_at(out.text, {});
    const bool flagged = rest.starts_with("F ") || rest.starts_with("P ");
    if (!stamp || stamp->size != at || !flagged) continue;
    out.when = stamp->when;
    out.text = rest.substr(2);
    return true;
  }
  return false;
}

// "<4>", and of RFC 5424 what stands between the time and the message.
void take_priority(Unwrapped& out, std::string& scratch) {
  if (!out.text.starts_with('<')) return;
  const size_t close = out.text.substr(0, 6).find('>');
  if (close == std::string_view::npos) return;
  const auto number = to_number<int>(out.text.substr(1, close - 1));
  if (!number) return;
  auto rest = out.text.substr(close + 1);
  out.text = rest;
  if (!rest.starts_with("1 ")) return;
  // TIME HOST APP PROCID MSGID DATA MESSAGE
  std::array<std::string_view, 5> fields;
  rest.remove_prefix(2);
  for (std::string_view& field : fields) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return;
    field = rest.substr(0, space);
    rest.remove_prefix(space + 1);
  }
  while (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    // "[ 12.345678]" is the kernel's stamp, not structured data.
    const auto inside = rest.substr(1, std::min(end, rest.size()) - 1);
    if (end == std::string_view::npos ||
        inside.find('=') == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(end + 1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  if (rest.starts_with("- ")) rest.remove_prefix(2);
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  const auto& [time, host, app, pid, id] = fields;
  const bool kernel = app == "kernel" || (app == "-" && *number < 8);
  std::string origin(kernel ? "kernel" : app);
  if (!kernel && pid != "-") origin += fmt::format("[{}]", pid);
  scratch = fmt::format("{} {} {}: {}", time, host, origin, rest);
  out.text = scratch;
}

std::string_view word_before_colon(std::string_view text) {
  const size_t colon = text.substr(0, 64).find(':');
  if (colon == std::string_view::npos) return {};
  return text.substr(0, colon);
}

template <size_t kSize>
bool is_one_of(std::string_view word,
               const std::array<std::string_view, kSize>& words) {
  constexpr size_t kLongest = 10;
  if (word.empty() || word.size() > kLongest || word.front() == '[') {
    return false;
  }
  return std::ranges::find(words, trim(word)) != words.end();
}

// "kern  :err   : [ 12.345678] message" (dmesg -x);
// "10.5.0.2: kern: warning: [2026-07-30T20:39:03Z]: message" (Talos, with the
// node in front where several were asked).
void take_facility(Unwrapped& out) {
  auto text = out.text;
  auto facility = word_before_colon(text);
  std::string_view node;
  if (!is_one_of(facility, kFacilities) && !facility.empty() &&
      text.size() > facility.size() + 2 && text[facility.size() + 1] == ' ') {
    node = facility;
    text.remove_prefix(facility.size() + 2);
    facility = word_before_colon(text);
  }
  if (!is_one_of(facility, kFacilities)) return;
  text.remove_prefix(facility.size() + 1);
  const auto level = word_before_colon(text);
  if (!is_one_of(level, kLevels)) return;
  text.remove_prefix(level.size() + 1);
  if (text.starts_with(' ')) text.remove_prefix(1);
  out.is_kernel = trim(facility) == "kern";
  out.text = text;
  if (is_name(node)) out.host = node;
  if (!text.starts_with('[')) return;
  const auto stamp = stamp_at(text.substr(1), {});
  if (!stamp || !stamp->has_year) return;
  const auto rest = text.substr(std::min(stamp->size + 1, text.size()));
  if (!rest.starts_with("]: ")) return;
  out.when = stamp->when;
  out.text = rest.substr(3);
}

// "6,1234,5678901,-;message", as /dev/kmsg gives it.
void take_kmsg(Unwrapped& out, std::string& scratch) {
  if (!begins_with_digit(out.text)) return;
  const size_t semicolon = out.text.substr(0, 64).find(';');
  if (semicolon == std::string_view::npos) return;
  const auto fields = split(out.text.substr(0, semicolon), ',');
  if (fields.size() < 4) return;
  const auto micros = to_number<int64_t>(fields[2]);
  if (!micros || !to_number<int>(fields[0]) || !to_number<int64_t>(fields[1])) {
    return;
  }
  scratch = fmt::format("[{:5}.{:06}] {}", *micros / 1'000'000,
                        *micros % 1'000'000, out.text.substr(semicolon + 1));
  out.text = scratch;
  out.is_kernel = true;
}

// What logfmt, as containerd and docker write it, escapes in its quotes.
void take_escapes(Unwrapped& out, std::string& scratch) {
  if (out.text.find('\\') == std::string_view::npos) return;
  if (out.text.find("\\\"") == std::string_view::npos &&
      out.text.find("=\"") == std::string_view::npos) {
    return;
  }
  std::string plain;
  for (size_t at = 0; at < out.text.size(); ++at) {
    const char next = at + 1 < out.text.size() ? out.text[at + 1] : '\0';
    if (out.text[at] == '\\' && (next == '"' || next == '\\')) {
      plain += next;
      ++at;
    } else if (out.text[at] == '\\' && (next == 'n' || next == 't')) {
      plain += ' ';
      ++at;
    } else {
      plain += out.text[at];
    }
  }
  scratch = std::move(plain);
  out.text = scratch;
}

}  // namespace

Unwrapped unwrap(std::string_view line, std::string& scratch) {
  Unwrapped out;
  if (line.find('\x1b') != std::string_view::npos) {
    scratch = without_escapes(line);
    line = scratch;
  }
  if (line.find('&') != std::string_view::npos) {
    scratch = without_entities(line);
    line = scratch;
  }
  out.text = without_quotes(line);
  if (take_pod(out.text) || take_service(out.text)) take_pod(out.text);
  if (take_cri(out) && out.text.starts_with('{')) {
    const auto when = out.when;
    const std::string inner(out.text);
    if (auto json = json_line(inner, scratch)) {
      out = *json;
      out.when = when;
    }
    return out;
  }
  const std::string copy(out.text.starts_with('{') ? out.text
                                                   : std::string_view());
  if (!copy.empty()) {
    if (auto json = json_line(copy, scratch)) return *json;
  }
  take_priority(out, scratch);
  take_facility(out);
  take_kmsg(out, scratch);
  take_escapes(out, scratch);
  return out;
}

}  // namespace gpuward::logs
