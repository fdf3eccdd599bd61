#include <algorithm>
#include <string>

#include "base/text.h"
#include "bundle/redact.h"
#include "bundle/secrets.h"

namespace gpuward::bundle {
namespace {

constexpr size_t kLongestName = 120;
constexpr size_t kMostBlanks = 60;

bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

bool is_name_char(char c) { return is_word_char(c) || c == '-' || c == '.'; }

size_t skip_blanks(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

size_t end_of_line(std::string_view text, size_t at) {
  return std::min(text.find('\n', at), text.size());
}

// A name that ends at `separator`, where "=" or ":" stands.
struct Name {
  size_t begin = 0;
  size_t end = 0;
  char quote = 0;        // the name alone stands in quotes: JSON
  bool is_flag = false;  // "-" or "--" before it
};

Name name_before(std::string_view text, size_t separator) {
  size_t end = separator;
  const size_t blanks = end > kMostBlanks ? end - kMostBlanks : 0;
  while (end > blanks && is_space(text[end - 1])) --end;
  Name name;
  if (end > 0 && is_quote(text[end - 1])) {
    name.quote = text[--end];
    while (end > 0 && text[end - 1] == '\\') --end;
  }
  size_t begin = end;
  const size_t most = end > kLongestName ? end - kLongestName : 0;
  while (begin > most && is_name_char(text[begin - 1])) --begin;
  while (begin < end && (text[begin] == '-' || text[begin] == '.')) {
    name.is_flag = name.is_flag || text[begin] == '-';
    ++begin;
  }
  name.begin = begin;
  name.end = end;
  return name;
}

// Only blanks, a list's dash, quotes or "export" stand before it in its line.
bool begins_line(std::string_view text, size_t at) {
  constexpr size_t kDeepest = 200;
  size_t begin = at;
  while (begin > 0 && at - begin < kDeepest && text[begin - 1] != '\n') {
    --begin;
  }
  const std::string_view before = text.substr(begin, at - begin);
  if (before.ends_with("export ")) return true;
  return std::ranges::all_of(before, [](char c) {
    return is_space(c) || c == '"' || c == '\'' || c == '-' || c == '#' ||
           c == ';';
  });
}

// The text up to the closing quote; `at` is behind the opening one, before
// which `escapes` backslashes stand (JSON within JSON).
size_t end_of_quoted(std::string_view text, size_t at, char quote,
                     size_t escapes) {
  for (size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\n' && escapes == 0 && quote != '`') {
      // Quotes that are not closed in their line are none, but YAML's may go
      // on: the line is cut, and what is indented beneath it stays.
      return i;
    }
    if (text[i] != quote) continue;
    size_t slashes = 0;
    while (i > at + slashes && text[i - 1 - slashes] == '\\') ++slashes;
    if (slashes <= escapes || slashes % 2 == 0) return i - slashes;
  }
  return text.size();
}

// Lines beneath `at` that are indented more than the line of the name: YAML's
// "|" and ">".
size_t end_of_block(std::string_view text, size_t name, size_t at) {
  const size_t newline =
      name == 0 ? std::string_view::npos : text.rfind('\n', name - 1);
  const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
  size_t end = end_of_line(text, at);
  const size_t indent = skip_blanks(text, line) - line;
  while (end < text.size()) {
    const size_t next = end + 1;
    const size_t body = skip_blanks(text, next);
    const bool is_blank = body >= text.size() || text[body] == '\n';
    if (!is_blank && body - next <= indent) break;
    end = end_of_line(text, next);
  }
  return end;
}

size_t end_of_word(std::string_view text, size_t at) {
  while (at < text.size() && !is_quote(text[at]) && text[at] != '\n' &&
         text[at] != '\r' && text[at] != '\0' && !is_space(text[at])) {
    // An escaped blank or quote belongs to the word.
    at += text[at] == '\\' && at + 1 < text.size() && is_space(text[at + 1])
              ? 2
              : 1;
  }
  return std::min(at, text.size());
}

// "[" with texts in it: all of them.
size_t end_of_list(std::string_view text, size_t at) {
  constexpr size_t kLongest = 16 << 10;
  const size_t size = text.substr(at, kLongest).find(']');
  return size == std::string_view::npos ? at : at + size;
}

class Pairs {
 public:
  Pairs(std::string_view text, Spans& out) : text_(text), out_(out) {}

  void run() {
    for (size_t at = text_.find_first_of("=:"); at != std::string_view::npos;
         at = text_.find_first_of("=:", at + 1)) {
      if (at < done_) continue;
      look(at);
    }
  }

 private:
  void look(size_t separator) {
    const Name name = name_before(text_, separator);
    if (name.begin == name.end) return;
    const std::string_view word =
        text_.substr(name.begin, name.end - name.begin);
    size_t at = separator + 1;
    while (at < text_.size() && (text_[at] == '=' || text_[at] == ':')) ++at;
    at = skip_blanks(text_, at);
    if (is_secret_name(word) || is_password_alone(word, separator, at)) {
      cut(name, text_[separator], at);
    } else if (word == "value" || word == "Value" || word == "VALUE") {
      if (separator < value_until_) cut(name, text_[separator], at);
      value_until_ = 0;
    } else {
      note_name(word, at);
    }
  }

  // "pass=x", "Pwd=x" by themselves; not the shell's PWD, not "PASS: 3 tests".
  bool is_password_alone(std::string_view word, size_t separator,
                         size_t at) const {
    const std::string lower = to_lower(word);
    if (lower != "pass" && lower != "pwd" && lower != "pw") return false;
    if (text_[separator] == ':' && word == "PASS") return false;
    const std::string_view value =
        text_.substr(at, end_of_word(text_, at) - at);
    return !value.starts_with('/') && !value.starts_with('~') &&
           value.find_first_not_of("0123456789,;.%") != std::string_view::npos;
  }

  // "name: DB_PASSWORD": the "value" that stands near it is the secret.
  void note_name(std::string_view word, size_t at) {
    constexpr size_t kNear = 300;
    const bool says_name = word == "name" || word == "Name" || word == "key" ||
                           word == "Key" || word == "variable";
    if (!says_name) return;
    while (at < text_.size() && (is_quote(text_[at]) || text_[at] == '\\')) {
      ++at;
    }
    size_t end = at;
    while (end < text_.size() && is_name_char(text_[end]) &&
           end - at <= kLongestName) {
      ++end;
    }
    if (is_secret_name(text_.substr(at, end - at))) value_until_ = end + kNear;
  }

  void add(size_t begin, size_t end) {
    if (is_no_secret(text_.substr(begin, end - begin))) return;
    out_.push_back({begin, end});
    done_ = end;
  }

  void cut(const Name& name, char separator, size_t at) {
    size_t escapes = 0;
    while (at + escapes < text_.size() && text_[at + escapes] == '\\') {
      ++escapes;
    }
    const size_t quote = at + escapes;
    if (at >= text_.size() || text_.substr(at).starts_with(kLeftOut)) return;
    if (text_.substr(at).starts_with("\"\"\"")) {
      const size_t end = text_.find("\"\"\"", at + 3);
      add(at + 3, std::min(end, text_.size()));
    } else if (quote < text_.size() && is_quote(text_[quote])) {
      add(quote + 1, end_of_quoted(text_, quote + 1, text_[quote], escapes));
    } else if (text_[at] == '[') {
      add(at + 1, std::max(at + 1, end_of_list(text_, at)));
    } else if (text_[at] != '{') {
      cut_bare(name, separator, at);
    }
  }

  void cut_bare(const Name& name, char separator, size_t at) {
    const bool is_block =
        separator == ':' && (text_[at] == '|' || text_[at] == '>');
    if (is_block) return add(at, end_of_block(text_, name.begin, at));
    // "PASSWORD=two words" as a whole stands in quotes.
    const char before = name.begin > 0 ? text_[name.begin - 1] : ' ';
    if (is_quote(before) && name.quote == 0) {
      return add(at, end_of_quoted(text_, at, before, 0));
    }
    if (begins_line(text_, name.begin) && name.quote == 0 && !name.is_flag) {
      size_t end = end_of_line(text_, at);
      while (end > at && (is_space(text_[end - 1]) || text_[end - 1] == '\r')) {
        --end;
      }
      return add(at, end);
    }
    size_t end = end_of_word(text_, at);
    while (end > at && (text_[end - 1] == ',' || text_[end - 1] == '}' ||
                        text_[end - 1] == ']')) {
      --end;
    }
    add(at, end);
  }

  std::string_view text_;
  Spans& out_;
  size_t done_ = 0;         // cut so far
  size_t value_until_ = 0;  // up to where a "value" is a secret's
};

}  // namespace

void find_named(std::string_view text, Spans& out) { Pairs(text, out).run(); }

}  // namespace gpuward::bundle
