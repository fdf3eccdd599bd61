#include "logs/json_document.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"

namespace gpuward::logs {
namespace {

constexpr size_t kChunk = size_t{64} << 10;
constexpr size_t kDeepest = 48;
// A record that is longer loses its later members.
constexpr size_t kLongest = size_t{60} << 10;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Records final : public ByteSource {
 public:
  explicit Records(std::unique_ptr<Buffered> document)
      : document_(std::move(document)) {}

  Result<size_t> read(char* buffer, size_t size) override {
    while (out_.size() == given_) {
      out_.clear();
      given_ = 0;
      if (ended_) return size_t{0};
      if (broken_) return document_->read(buffer, size);
      TRY_VOID(fill());
    }
    const size_t count = std::min(size, out_.size() - given_);
    std::copy_n(out_.data() + given_, count, buffer);
    given_ += count;
    return count;
  }

 private:
  struct Frame {
    bool array = false;
    std::string key;                 // of the value that comes next
    std::string members;             // of an object, so far: "a":1,"b":"x"
    std::vector<std::string> items;  // of an array: its first texts
  };

  Result<void> fill() {
    in_.resize(kChunk);
    const auto got = document_->read(in_.data(), in_.size());
    if (!got) return std::unexpected(got.error());
    in_.resize(*got);
    ended_ = *got == 0;
    if (ended_) emit_rest();
    for (size_t at = 0; at < in_.size() && !broken_; ++at) {
      take(in_[at]);
      if (!broken_) continue;
      emit_rest();
      out_.append(in_, at);
    }
    return {};
  }

  // What was begun and is not finished: the file was cut, or is no JSON.
  void emit_rest() {
    for (; !stack_.empty(); stack_.pop_back()) {
      const Frame& frame = stack_.back();
      if (!frame.array && !frame.members.empty()) {
        emit("{" + frame.members + "}");
      }
    }
  }

  void take(char c) {
    if (c == '\n') ++lines_in_;
    if (quoted_) return in_string(c);
    if (is_blank(c)) return end_word();
    switch (c) {
      case '"':
        quoted_ = true;
        word_ = c;
        return;
      case '{':
      case '[':
        return open(c == '[');
      case '}':
      case ']':
        end_word();
        return close(c == ']');
      case ':':
        return;
      case ',':
        return end_word();
      default:
        if (word_.size() < kLongest) word_ += c;
        // Between two documents nothing may stand.
        broken_ = stack_.empty();
        if (broken_) word_.clear();
    }
  }

  void in_string(char c) {
    if (c != '\n' && word_.size() < kLongest) word_ += c;
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      quoted_ = false;
      if (!word_.ends_with('"') || word_.size() == 1) word_ += '"';
      if (stack_.empty()) {
        broken_ = true;
      } else if (!stack_.back().array && stack_.back().key.empty()) {
        stack_.back().key = std::move(word_);
        word_.clear();
      } else {
        end_word();
      }
    }
  }

  // A text, a number or a word has come to its end.
  void end_word() {
    if (word_.empty() || stack_.empty()) return;
    Frame& frame = stack_.back();
    constexpr size_t kItems = 16;
    if (frame.array) {
      if (frame.items.size() < kItems) frame.items.push_back(word_);
    } else {
      add(frame, word_);
    }
    word_.clear();
  }

  static void add(Frame& frame, std::string_view value) {
    const std::string key = std::move(frame.key);
    frame.key.clear();
    if (key.empty() ||
        frame.members.size() + key.size() + value.size() > kLongest) {
      return;
    }
    if (!frame.members.empty()) frame.members += ',';
    frame.members += key;
    frame.members += ':';
    frame.members += value;
  }

  void open(bool array) {
    if (stack_.size() >= kDeepest) {
      broken_ = true;
      return;
    }
    stack_.push_back({array, {}, {}, {}});
  }

  void close(bool array) {
    if (stack_.empty() || stack_.back().array != array) {
      broken_ = true;
      return;
    }
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (array) return close_array(frame);
    const bool is_record = stack_.empty() || stack_.back().array;
    const std::string object = "{" + frame.members + "}";
    if (is_record) {
      if (!frame.members.empty()) emit(object);
    } else {
      add(stack_.back(), object);
    }
  }

  void close_array(const Frame& frame) {
    // [["1753907943000000000", "the line"], …] within "values".
    constexpr size_t kNanos = 21;  // with its quotes
    const bool pair = frame.items.size() == 2 && stack_.size() >= 2 &&
                      stack_.back().array && frame.items[0].size() == kNanos;
    if (pair) {
      const Frame& around = stack_[stack_.size() - 2];
      emit("{\"timestamp\":" + frame.items[0] + ",\"line\":" + frame.items[1] +
           (around.members.empty() ? "" : ",") + around.members + "}");
      return;
    }
    if (stack_.empty() || stack_.back().array) return;
    std::string all = "[";
    for (const std::string& item : frame.items) {
      if (all.size() > 1) all += ',';
      all += item;
    }
    add(stack_.back(), all + "]");
  }

  void emit(const std::string& record) {
    if (lines_in_ > lines_out_) {
      out_.append(lines_in_ - lines_out_, '\n');
      lines_out_ = lines_in_;
    }
    out_ += record;
    out_ += '\n';
    ++lines_out_;
  }

  std::unique_ptr<Buffered> document_;
  std::string in_, out_;
  size_t given_ = 0;  // of out_
  std::vector<Frame> stack_;
  std::string word_;  // a value that has not ended
  bool quoted_ = false;
  bool escaped_ = false;
  bool broken_ = false;
  bool ended_ = false;
  size_t lines_in_ = 0, lines_out_ = 0;
};

// Whether the first line holds a whole object, and more lines follow.
bool is_one_line(std::string_view head) {
  int depth = 0;
  bool quoted = false;
  for (size_t at = 0; at < head.size(); ++at) {
    const char c = head[at];
    if (c == '\n') return false;
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    if (depth == 0 && c == '}') return trim(head).size() > at + 1;
  }
  return false;
}

}  // namespace

bool is_json_document(std::string_view head) {
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  head.remove_prefix(first);
  const size_t second = head.find_first_not_of(" \t\r\n", 1);
  if (second == std::string_view::npos) return false;
  if (head.front() == '[') return head[second] == '{';
  return head.front() == '{' && head[second] == '"' && !is_one_line(head);
}

std::unique_ptr<Buffered> json_records(std::unique_ptr<Buffered> document) {
  return std::make_unique<Buffered>(
      std::make_unique<Records>(std::move(document)));
}

}  // namespace gpuward::logs
