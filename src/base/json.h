// A JSON value, light enough to be included anywhere. nlohmann-json does the
// parsing and the writing, in json.cpp alone.
//
// Objects keep the order in which keys were added: what gpuward prints is read
// by people as well. Not for hot paths.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gpuward {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<int64_t>(value)) {}
  Json(int64_t value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  bool is_null() const { return holds<std::nullptr_t>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_integer() const { return holds<int64_t>(); }
  bool is_number() const { return holds<int64_t>() || holds<double>(); }
  bool is_string() const { return holds<std::string>(); }
  bool is_array() const { return holds<Array>(); }
  bool is_object() const { return holds<Object>(); }

  // The value, or `otherwise` where this is not one of that type. Callers for
  // whom an absent value means something ask is_…() first.
  bool as_bool(bool otherwise = false) const;
  int64_t as_integer(int64_t otherwise = 0) const;
  double as_double(double otherwise = 0) const;
  std::string_view as_string(std::string_view otherwise = {}) const;
  const Array& as_array() const;    // empty if not an array
  const Object& as_object() const;  // empty if not an object

  // The member named `key`, or a null value if there is none.
  const Json& operator[](std::string_view key) const;
  // Adds or replaces; turns a null into an object.
  void set(std::string_view key, Json value);
  // Appends; turns a null into an array.
  void push(Json value);

  // `indent` < 0: one line. Bytes that are not UTF-8 become U+FFFD.
  std::string dump(int indent = -1) const;
  // Fails with Error::malformed, and the place, on anything but one value.
  static Result<Json> parse(std::string_view text);

  bool operator==(const Json&) const = default;

 private:
  template <typename T>
  bool holds() const {
    return std::holds_alternative<T>(value_);
  }
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array,
               Object>
      value_ = nullptr;
};

}  // namespace gpuward
