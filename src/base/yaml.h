// A YAML document as a plain tree with line numbers. yaml-cpp is used in
// yaml.cpp alone.
//
// Readers of a format walk the tree through a Section, which remembers which
// keys were asked for: what nobody asked for is an unknown key, reported with
// its line and the nearest known one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gpuward {

struct YamlMember;

struct Yaml {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  int line = 0;             // from 1
  std::string scalar;       // as written, unquoted
  bool quoted = false;      // a scalar in quotes is text, never a number
  std::vector<Yaml> items;  // list
  std::vector<YamlMember> members;  // map, in order

  // The member, or nullptr.
  const Yaml* find(std::string_view key) const;
};

struct YamlMember {
  std::string key;
  Yaml value;
};

// Fails with Error::malformed and "FILE:LINE: …". Duplicate keys are an error.
Result<Yaml> parse_yaml(std::string_view text, std::string_view file);

// "file:line: text", collected so that one run reports every mistake.
class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}
  void add(int line, std::string_view text);
  bool empty() const { return lines_.empty(); }
  const std::vector<std::string>& lines() const { return lines_; }
  // All of them, one a line, as an Error::malformed.
  std::unexpected<Error> error() const;

 private:
  std::string file_;
  std::vector<std::string> lines_;
};

// One map of a format. Every get…() marks its key as known; finish() complains
// about the rest. A missing optional key is nullopt; a key of a wrong type is
// a complaint and nullopt.
class Section {
 public:
  // `what` names the map in complaints ("a GPU"). A node that is no map is
  // complained about, and reads as empty.
  Section(const Yaml& node, std::string what, Complaints& complaints);

  bool has(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  std::optional<int64_t> integer(std::string_view key);
  std::optional<double> number(std::string_view key);
  std::optional<bool> flag(std::string_view key);
  // A scalar is read as a list of one.
  std::vector<std::string> texts(std::string_view key);
  const Yaml* node(std::string_view key);

  std::string required_text(std::string_view key);

  int line() const { return node_.line; }
  void complain(int line, std::string_view text) {
    complaints_.add(line, text);
  }
  // Line of the key's value, or of the map where the key is missing.
  int line_of(std::string_view key) const;
  void finish();

 private:
  const Yaml* get(std::string_view key);
  const Yaml* scalar(std::string_view key, std::string_view wanted);

  const Yaml& node_;
  std::string what_;
  Complaints& complaints_;
  std::vector<std::string> known_;
};

}  // namespace gpuward
