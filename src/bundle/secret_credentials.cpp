#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "bundle/redact.h"
#include "bundle/secrets.h"

namespace gpuward::bundle {
namespace {

bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }
bool is_end(char c) {
  return is_space(c) || is_quote(c) || c == '\n' || c == '\r' || c == '\0';
}

size_t word_end(std::string_view text, size_t at) {
  while (at < text.size() && !is_end(text[at])) ++at;
  return at;
}

size_t skip(std::string_view text, size_t at, std::string_view chars) {
  return std::min(text.find_first_not_of(chars, at), text.size());
}

bool begins_word(std::string_view text, size_t at) {
  return at == 0 || !(is_word_char(text[at - 1]) || text[at - 1] == '-');
}

// Headers whose whole value is a credential.
constexpr std::array<std::string_view, 6> kHeaders = {
    "authorization", "cookie",        "x-auth-token",
    "x-api-key",     "private-token", "x-registry-auth"};

// "user:password" in base64, as "Basic" takes it: its letters are no word's.
bool is_basic(std::string_view word) {
  constexpr size_t kShortest = 8;
  return word.size() >= kShortest &&
         std::ranges::all_of(
             word, [](char c) { return is_base64_char(c) || c == '='; }) &&
         (word.ends_with('=') ||
          std::ranges::any_of(word.substr(1),
                              [](char c) {
                                return (c >= '0' && c <= '9') ||
                                       (c >= 'A' && c <= 'Z');
                              })) &&
         word.find('/') == std::string_view::npos;
}

// "bearer authentication" is prose.
bool is_bearer(std::string_view word) {
  constexpr size_t kShortest = 8;
  const bool is_prose = std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || c == ',' || c == '.';
  });
  return word.size() >= kShortest && !is_prose;
}

// Of a URL up to its path.
constexpr size_t kLongest = 512;

class Finder {
 public:
  Finder(std::string_view text, Spans& out)
      : text_(text), lower_(to_lower(text)), out_(out) {}

  void run() {
    for (const std::string_view header : kHeaders) each(header, 0);
    each("bearer ", 1);
    each("basic ", 2);
    urls();
    flags();
  }

 private:
  void add(size_t begin, size_t end) {
    if (is_no_secret(text_.substr(begin, end - begin))) return;
    out_.push_back({begin, end});
  }

  void each(std::string_view what, int kind) {
    for (size_t at = lower_.find(what); at != std::string::npos;
         at = lower_.find(what, at + what.size())) {
      const size_t after = at + what.size();
      if (kind == 0) {
        at = std::max(header(at, after), after) - what.size();
        continue;
      }
      if (!begins_word(text_, at)) continue;
      const size_t begin = skip(text_, after, " ");
      const size_t end = word_end(text_, begin);
      const std::string_view word = text_.substr(begin, end - begin);
      if (kind == 1 ? is_bearer(word) : is_basic(word)) add(begin, end);
    }
  }

  // To the end of the line or the quotes around it; where that is.
  size_t header(size_t name, size_t after) {
    size_t at = skip(text_, after, "\"'\\ ");
    if (at >= text_.size() || (text_[at] != ':' && text_[at] != '=')) {
      return after;
    }
    at = skip(text_, at + 1, "\"'\\ \t");
    if (text_.substr(at).starts_with(kLeftOut)) return at;
    at = skip(text_, at, "[\"'\\ \t");
    const bool quoted = name > 0 && is_quote(text_[name - 1]);
    size_t end = at;
    while (end < text_.size() && text_[end] != '\n' &&
           !(quoted && is_quote(text_[end]))) {
      ++end;
    }
    add(at, end);
    return end;
  }

  // scheme://user:password@host
  void urls() {
    for (size_t at = text_.find("://"); at != std::string_view::npos;
         at = text_.find("://", at + 3)) {
      const size_t begin = at + 3;
      const std::string_view rest = text_.substr(begin, kLongest);
      const size_t end =
          std::min(rest.find_first_of("/?# \t\r\n\"'`<>,"), rest.size());
      user_info(begin, rest.substr(0, end), true);
    }
    for (size_t at = lower_.find("proxy"); at != std::string::npos;
         at = lower_.find("proxy", at + 1)) {
      size_t begin = skip(text_, at + 5, " \"'\\");
      if (begin >= text_.size() || (text_[begin] != '=' && text_[begin] != ':'))
        continue;
      begin = skip(text_, begin + 1, " \"'\\");
      const std::string_view rest = text_.substr(begin, kLongest);
      user_info(begin, rest.substr(0, word_end(rest, 0)), false);
    }
  }

  void user_info(size_t begin, std::string_view authority, bool may_be_token) {
    const size_t sign = authority.rfind('@');
    if (sign == std::string_view::npos || sign == 0) return;
    const std::string_view user = authority.substr(0, sign);
    if (user.find("://") != std::string_view::npos) return;
    const size_t colon = user.find(':');
    constexpr size_t kLongestUser = 16;
    if (colon != std::string_view::npos) {
      add(begin + colon + 1, begin + sign);
    } else if (may_be_token && user.size() >= kLongestUser) {
      add(begin, begin + sign);
    }
  }

  // "--token x", "--password", "x"; "-u user:password"; "login … -p x".
  void flags() {
    for (size_t at = text_.find('-'); at != std::string_view::npos;
         at = text_.find('-', at + 1)) {
      if (at > 0 && !is_end(text_[at - 1])) continue;
      size_t begin = skip(text_, at, "-");
      size_t end = begin;
      while (end < text_.size() &&
             (is_word_char(text_[end]) || text_[end] == '-')) {
        ++end;
      }
      if (end == begin) continue;
      flag(at, begin, end);
      at = end - 1;
    }
  }

  void flag(size_t dash, size_t begin, size_t end) {
    const std::string_view name = text_.substr(begin, end - begin);
    if (begin - dash == 1 && name.size() > 1 && name.starts_with('p') &&
        !is_secret_name(name) && takes_password(dash)) {
      return add(begin + 1, word_end(text_, begin));
    }
    if (is_user(name) && text_.substr(end).starts_with('=')) {
      const size_t value = skip(text_, end, "=\"'");
      return user_and_password(value, word_end(text_, value));
    }
    // Behind the name: blanks, or what stands between two texts of a list.
    const size_t value = skip(text_, end, " \t\"',");
    if (value == end || value >= text_.size() || text_[value] == '-') return;
    const size_t stop = word_end(text_, value);
    const std::string_view word = text_.substr(value, stop - value);
    if (begin - dash == 2 && is_secret_name(name)) {
      constexpr size_t kShortest = 3;
      if (word.size() >= kShortest) add(value, stop);
    } else if (is_user(name)) {
      user_and_password(value, stop);
    } else if (name == "p" && takes_password(dash)) {
      add(value, stop);
    }
  }

  static bool is_user(std::string_view name) {
    return name == "u" || name == "user" || name == "proxy-user";
  }

  // "joe:password"; "1000:1000" are ids.
  void user_and_password(size_t begin, size_t end) {
    const std::string_view word = text_.substr(begin, end - begin);
    const size_t colon = word.find(':');
    const bool by_numbers = std::ranges::all_of(
        word, [](char c) { return (c >= '0' && c <= '9') || c == ':'; });
    if (colon == std::string_view::npos || by_numbers) return;
    add(begin + colon + 1, end);
  }

  // A program in this line that reads "-p" so; docker's own is a port.
  bool takes_password(size_t at) const {
    constexpr size_t kFar = 300;
    const size_t far = at > kFar ? at - kFar : 0;
    std::string_view line = std::string_view(lower_).substr(far, at - far);
    const size_t newline = line.rfind('\n');
    if (newline != std::string_view::npos) line.remove_prefix(newline + 1);
    return line.find("login") != std::string_view::npos ||
           line.find("sshpass") != std::string_view::npos ||
           line.find("mysql") != std::string_view::npos;
  }

  std::string_view text_;
  std::string lower_;
  Spans& out_;
};

}  // namespace

void find_credentials(std::string_view text, Spans& out) {
  Finder(text, out).run();
}

}  // namespace gpuward::bundle
