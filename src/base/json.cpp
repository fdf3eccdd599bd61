#include "base/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace gpuward {
namespace {

using Library = nlohmann::ordered_json;

// Deeper input is refused: conversion recurses.
constexpr int kMaxDepth = 100;

Library to_library(const Json& value) {
  if (value.is_bool()) return value.as_bool();
  if (value.is_integer()) return value.as_integer();
  if (value.is_number()) return value.as_double();
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_array()) {
    Library out = Library::array();
    for (const Json& item : value.as_array()) out.push_back(to_library(item));
    return out;
  }
  if (value.is_object()) {
    Library out = Library::object();
    for (const auto& [key, item] : value.as_object()) {
      out[key] = to_library(item);
    }
    return out;
  }
  return nullptr;
}

Json from_unsigned(uint64_t value) {
  constexpr auto kMax =
      static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (value > kMax) return Json(static_cast<double>(value));
  return Json(static_cast<int64_t>(value));
}

Json from_library(const Library& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_unsigned()) return from_unsigned(value.get<uint64_t>());
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    Json::Array out;
    for (const Library& item : value) out.push_back(from_library(item));
    return out;
  }
  if (value.is_object()) {
    Json::Object out;
    for (const auto& [key, item] : value.items()) {
      out.emplace_back(key, from_library(item));
    }
    return out;
  }
  return {};
}

const Json& null_value() {
  static const Json kNull;
  return kNull;
}

}  // namespace

bool Json::as_bool(bool otherwise) const {
  const auto* value = std::get_if<bool>(&value_);
  return value != nullptr ? *value : otherwise;
}

int64_t Json::as_integer(int64_t otherwise) const {
  const auto* value = std::get_if<int64_t>(&value_);
  return value != nullptr ? *value : otherwise;
}

double Json::as_double(double otherwise) const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<int64_t>(&value_)) {
    return static_cast<double>(*value);
  }
  return otherwise;
}

std::string_view Json::as_string(std::string_view otherwise) const {
  const auto* value = std::get_if<std::string>(&value_);
  return value != nullptr ? std::string_view(*value) : otherwise;
}

const Json::Array& Json::as_array() const {
  static const Array kEmpty;
  const auto* value = std::get_if<Array>(&value_);
  return value != nullptr ? *value : kEmpty;
}

const Json::Object& Json::as_object() const {
  static const Object kEmpty;
  const auto* value = std::get_if<Object>(&value_);
  return value != nullptr ? *value : kEmpty;
}

const Json& Json::operator[](std::string_view key) const {
  for (const Member& member : as_object()) {
    if (member.first == key) return member.second;
  }
  return null_value();
}

void Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  auto& members = std::get<Object>(value_);
  const auto found = std::ranges::find(members, key, &Member::first);
  if (found != members.end()) {
    found->second = std::move(value);
  } else {
    members.emplace_back(std::string(key), std::move(value));
  }
}

void Json::push(Json value) {
  if (is_null()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
}

std::string Json::dump(int indent) const {
  return to_library(*this).dump(indent, ' ', false,
                                Library::error_handler_t::replace);
}

Result<Json> Json::parse(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Library::parse_event_t,
                                       Library&) {
    too_deep = too_deep || depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  try {
    const Library value = Library::parse(text, watch_depth);
    if (too_deep) return fail(Error::Kind::malformed, "nested too deeply");
    return from_library(value);
  } catch (const Library::exception& error) {
    return fail(Error::Kind::malformed, error.what());
  }
}

}  // namespace gpuward
