#include "base/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

namespace gpuward {
namespace {

using Library = nlohmann::ordered_json;

// Deeper input is refused: writing recurses.
constexpr size_t kMaxDepth = 100;

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

// Where a key comes twice the last value counts, in the first one's place.
void keep_last(Json::Object& members) {
  std::unordered_map<std::string_view, size_t> first;
  std::vector<size_t> place(members.size());
  size_t kept = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto [at, is_new] = first.try_emplace(members[i].first, kept);
    place[i] = at->second;
    if (is_new) ++kept;
  }
  if (kept == members.size()) return;
  Json::Object out;
  out.reserve(kept);
  for (size_t i = 0; i < members.size(); ++i) {
    if (place[i] == out.size()) {
      out.push_back(std::move(members[i]));
    } else {
      out[place[i]].second = std::move(members[i].second);
    }
  }
  members = std::move(out);
}

// "[json.exception.parse_error.101] parse error at line 3, …" without what is
// for the library's programmers.
std::string in_words(std::string_view what) {
  const size_t end = what.find("] ");
  return std::string(end == std::string_view::npos ? what
                                                   : what.substr(end + 2));
}

// Makes values as they are read. The library's own tree looks a key up among
// all that are there, one by one: an object with 100 000 keys (a file of 1 MB,
// which may be anybody's) took it a minute.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return put({}); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override { return put(value); }
  bool number_unsigned(uint64_t value) override {
    return put(from_unsigned(value));
  }
  bool number_float(double value, const std::string&) override {
    return put(value);
  }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool key(std::string& name) override {
    open_.back().members.emplace_back(std::move(name), Json());
    return true;
  }
  bool end_object() override {
    Open done = close();
    keep_last(done.members);
    return put(std::move(done.members));
  }
  bool end_array() override { return put(close().items); }
  bool parse_error(size_t, const std::string&,
                   const nlohmann::detail::exception& why) override {
    error_ = in_words(why.what());
    return false;
  }

  Json take() { return std::move(value_); }
  const std::string& error() const { return error_; }

 private:
  // What is not at its end yet.
  struct Open {
    bool is_object = false;
    Json::Object members;
    Json::Array items;
  };

  bool open(bool is_object) {
    if (open_.size() >= kMaxDepth) {
      error_ = "nested too deeply";
      return false;
    }
    open_.push_back({is_object, {}, {}});
    return true;
  }
  Open close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    return done;
  }
  bool put(Json value) {
    if (open_.empty()) {
      value_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().members.back().second = std::move(value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Open> open_;
  Json value_;
  std::string error_;
};

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
  Builder builder;
  try {
    if (nlohmann::json::sax_parse(text, &builder)) return builder.take();
  } catch (const nlohmann::json::exception& error) {
    return fail(Error::Kind::malformed, in_words(error.what()));
  }
  return fail(Error::Kind::malformed, builder.error());
}

}  // namespace gpuward
