#include "logs/json_members.h"

#include "base/text.h"
#include "logs/utf8.h"

namespace gpuward::logs {

bool JsonMembers::next(std::string& key, std::string& value) {
  skip_blanks();
  if (peek() == '{' || peek() == ',') ++at_;
  skip_blanks();
  if (peek() != '"') return false;
  string(key);
  skip_blanks();
  if (peek() != ':') return false;
  ++at_;
  skip_blanks();
  value.clear();
  switch (peek()) {
    case '"':
      kind_ = Kind::text;
      string(value);
      break;
    case '[':
      kind_ = Kind::array;
      array(value);
      break;
    case '{':
      kind_ = Kind::object;
      nested(value);
      break;
    default:
      kind_ = Kind::plain;
      plain(value);
  }
  return true;
}

void JsonMembers::skip_blanks() {
  while (peek() == ' ' || peek() == '\t' || peek() == '\r') ++at_;
}

void JsonMembers::string(std::string& out) {
  out.clear();
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] == '\\') {
      ++at_;
      escaped(out);
    } else {
      out += text_[at_];
    }
  }
  ++at_;
}

void JsonMembers::escaped(std::string& out) {
  constexpr size_t kDigits = 4;
  switch (peek()) {
    case 'n':
      out += '\n';
      break;
    case 't':
      out += '\t';
      break;
    case 'r':
    case 'b':
    case 'f':
      break;
    case 'u':
      if (at_ + 1 < text_.size()) {
        if (const auto code =
                to_number<uint32_t>(text_.substr(at_ + 1, kDigits), 16)) {
          append_utf8(out, *code);
          at_ += kDigits;
        }
      }
      break;
    default:
      if (at_ < text_.size()) out += text_[at_];
  }
}

void JsonMembers::array(std::string& out) {
  std::string written;
  nested(written);
  const std::string_view all = written;
  const auto inside = all.substr(1, all.size() - (all.ends_with(']') ? 2 : 1));
  if (inside.find_first_not_of("0123456789, ") != std::string_view::npos) {
    return out.assign(inside), void();
  }
  for (const std::string_view word : split(inside, ',')) {
    if (const auto byte = to_number<uint8_t>(trim(word))) {
      out += static_cast<char>(*byte);
    }
  }
}

// An object or an array, as it is written.
void JsonMembers::nested(std::string& out) {
  const size_t begin = at_;
  int depth = 0;
  bool quoted = false;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (quoted) {
      if (c == '\\') ++at_;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    if (depth == 0) {
      ++at_;
      break;
    }
  }
  at_ = at_ < text_.size() ? at_ : text_.size();
  out.assign(text_.substr(begin, at_ - begin));
}

// A number or a word.
void JsonMembers::plain(std::string& out) {
  for (; at_ < text_.size() && peek() != ',' && peek() != '}'; ++at_) {
    out += peek();
  }
}

}  // namespace gpuward::logs
