// The members of a JSON object, one after another, for text that may be cut or
// damaged anywhere. Allocates no tree.
#pragma once

#include <string>
#include <string_view>

namespace gpuward::logs {

class JsonMembers {
 public:
  enum class Kind { text, plain, array, object };

  explicit JsonMembers(std::string_view object) : text_(object) {}

  // The next member; false at the end, or where it is no JSON any more. Of a
  // text `value` is what it says; of an array of bytes (the journal's form for
  // a message that is not plain text) those bytes; else it is as written.
  bool next(std::string& key, std::string& value);
  Kind kind() const { return kind_; }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks();
  void string(std::string& out);
  void escaped(std::string& out);
  void array(std::string& out);
  void nested(std::string& out);
  void plain(std::string& out);

  std::string_view text_;
  size_t at_ = 0;
  Kind kind_ = Kind::text;
};

}  // namespace gpuward::logs
