// Reading one JSON object member by member: for json_read*.cpp, and for files
// that one part of gpuward keeps for itself.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace gpuward::json_reading {

// An object that is being read. The first thing that is not of the shape is
// remembered in `problem`, which all parts of a document share; readers go on
// with defaults, and whoever started throws the result away.
class Reader {
 public:
  Reader(const Json& json, std::string where, std::string& problem)
      : json_(json), where_(std::move(where)), problem_(problem) {
    if (!json.is_object()) complain("an object is expected");
  }

  bool has(std::string_view key) const {
    for (const auto& member : json_.as_object()) {
      if (member.first == key) return true;
    }
    return false;
  }
  void require(std::string_view key) {
    if (!has(key)) complain("no " + std::string(key));
  }
  std::string text(std::string_view key) {
    const Json& value = at(key, &Json::is_string, "text");
    return std::string(value.as_string());
  }
  bool flag(std::string_view key, bool otherwise = false) {
    return at(key, &Json::is_bool, "true or false").as_bool(otherwise);
  }
  double number(std::string_view key) {
    return at(key, &Json::is_number, "a number").as_double();
  }
  int64_t integer(std::string_view key, int64_t otherwise = 0) {
    return at(key, &Json::is_integer, "a whole number").as_integer(otherwise);
  }
  int small(std::string_view key, int otherwise = 0) {
    const int64_t wide = integer(key, otherwise);
    if (wide < std::numeric_limits<int>::min() ||
        wide > std::numeric_limits<int>::max()) {
      complain(std::string(key) + " is out of range");
      return otherwise;
    }
    return static_cast<int>(wide);
  }
  uint64_t count(std::string_view key) {
    const int64_t value = integer(key);
    if (value < 0) complain(std::string(key) + " is negative");
    return value < 0 ? 0 : static_cast<uint64_t>(value);
  }
  std::optional<Wall> time(std::string_view key) {
    if (!has(key)) return std::nullopt;
    const auto when = from_iso(text(key));
    if (!when) complain(std::string(key) + " is no time");
    return when;
  }
  // One of `known`, by name_of.
  template <typename Enum>
  Enum word(std::string_view key, std::initializer_list<Enum> known) {
    const std::string word = text(key);
    for (const Enum candidate : known) {
      if (name_of(candidate) == word) return candidate;
    }
    complain("unknown " + std::string(key) + " \"" + word + "\"");
    return *known.begin();
  }
  Reader part(std::string_view key) {
    return Reader(json_[key], where_ + "." + std::string(key), problem_);
  }
  const Json& raw(std::string_view key) const { return json_[key]; }
  const Json& raw() const { return json_; }

  // read(Reader&) for each object of a list; an absent list is empty.
  template <typename Item>
  std::vector<Item> list(std::string_view key, Item (*read)(Reader&)) {
    std::vector<Item> items;
    const Json& from = at(key, &Json::is_array, "a list");
    for (const Json& json : from.as_array()) {
      Reader item(json, element(key, items.size()), problem_);
      items.push_back(read(item));
    }
    return items;
  }
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> out;
    for (const Json& item : at(key, &Json::is_array, "a list").as_array()) {
      if (!item.is_string()) complain(std::string(key) + " holds no text");
      out.emplace_back(item.as_string());
    }
    return out;
  }

  void complain(const std::string& what) {
    if (problem_.empty()) problem_ = where_ + ": " + what;
  }

 private:
  const Json& at(std::string_view key, bool (Json::*is)() const,
                 std::string_view wanted) {
    const Json& value = json_[key];
    if (!value.is_null() && !(value.*is)()) {
      complain(std::string(key) + " is not " + std::string(wanted));
    }
    return value;
  }
  std::string element(std::string_view key, size_t index) const {
    return where_ + "." + std::string(key) + "[" + std::to_string(index) + "]";
  }

  const Json& json_;  // of the caller's document
  std::string where_;
  std::string& problem_;
};

template <typename T>
Result<T> unless(const std::string& problem, T value) {
  if (!problem.empty()) return fail(Error::Kind::malformed, problem);
  return value;
}

}  // namespace gpuward::json_reading
