#include "evidence/text/json_line.h"

#include <cctype>

#include "base/text.h"
#include "evidence/text/export_lines.h"
#include "evidence/text/timestamp.h"

namespace gpuward {
namespace {

void add_utf8(std::string& out, uint32_t code) {
  const auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

// Goes through the members of one object; nested values are passed over.
class Members {
 public:
  explicit Members(std::string_view text) : text_(text) {}

  // The next member; false at the end, or where it is no JSON any more.
  bool next(std::string& key, std::string& value) {
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
    if (peek() == '"') {
      string(value);
    } else if (peek() == '[') {
      bytes(value);
    } else {
      plain(value);
    }
    return true;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  void string(std::string& out) {
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

  void escaped(std::string& out) {
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
        if (const auto code =
                to_number<uint32_t>(text_.substr(at_ + 1, 4), 16)) {
          add_utf8(out, *code);
          at_ += 4;
        }
        break;
      default:
        out += peek();
    }
  }

  // A message that is not plain text is an array of bytes in the journal.
  void bytes(std::string& out) {
    const size_t begin = at_;
    bool numbers = true;
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      if (depth == 0) break;
      numbers = numbers && (c == '[' || c == ',' || c == ' ' ||
                            std::isdigit(static_cast<unsigned char>(c)) != 0);
    }
    const auto inside = text_.substr(begin + 1, at_ - begin - 1);
    if (at_ < text_.size()) ++at_;
    if (!numbers) return out.assign(inside), void();
    for (const std::string_view word : split(inside, ',')) {
      if (const auto byte = to_number<uint8_t>(trim(word))) {
        out += static_cast<char>(*byte);
      }
    }
  }

  // A number, a word, or a whole object in it.
  void plain(std::string& out) {
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (depth == 0 && (c == ',' || c == '}')) return;
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      out += c;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

struct Fields {
  std::string log, time, message, realtime, host, identifier, command, pid;
  bool kernel = false;
  bool journal = false;
  bool docker = false;
};

void take(Fields& fields, const std::string& key, std::string& value) {
  if (key == "log") {
    fields.docker = true;
    fields.log = std::move(value);
  } else if (key == "time" || key == "ts" || key == "timestamp" ||
             key == "@timestamp") {
    fields.time = std::move(value);
  } else if (key == "MESSAGE") {
    fields.journal = true;
    fields.message = std::move(value);
  } else if (key == "__REALTIME_TIMESTAMP") {
    fields.realtime = std::move(value);
  } else if (key == "_HOSTNAME") {
    fields.host = std::move(value);
  } else if (key == "SYSLOG_IDENTIFIER") {
    fields.identifier = std::move(value);
  } else if (key == "_COMM") {
    fields.command = std::move(value);
  } else if (key == "_PID") {
    fields.pid = std::move(value);
  } else if (key == "_TRANSPORT") {
    fields.kernel = value == "kernel";
  }
}

std::optional<Wall> time_in(const std::string& text) {
  // Zap writes seconds since 1970.
  if (const auto stamp = stamp_at(text + " ", {})) return stamp->when;
  return std::nullopt;
}

}  // namespace

std::optional<Unwrapped> json_line(std::string_view line,
                                   std::string& scratch) {
  const auto trimmed = trim(line);
  if (!trimmed.starts_with("{\"") && !trimmed.starts_with("{ \"")) {
    return std::nullopt;
  }
  Members members(trimmed);
  Fields fields;
  std::string key;
  std::string value;
  std::string all;
  while (members.next(key, value)) {
    if (!all.empty()) all += ' ';
    all += key + "=\"" + value + "\"";
    take(fields, key, value);
  }
  if (all.empty()) return std::nullopt;
  Unwrapped out;
  out.is_kernel = fields.kernel;
  if (fields.journal) {
    const std::string& name =
        fields.identifier.empty() ? fields.command : fields.identifier;
    scratch = as_line(
        {fields.realtime, fields.host, name, fields.pid, fields.message});
  } else if (fields.docker) {
    scratch = std::move(fields.log);
    out.when = time_in(fields.time);
  } else {
    scratch = std::move(all);
    out.when = time_in(fields.time);
  }
  out.text = trim(scratch);
  return out;
}

}  // namespace gpuward
