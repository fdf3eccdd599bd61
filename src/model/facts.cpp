#include "model/facts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "model/nvml_returns.h"

namespace gpuward::fact {
namespace {

constexpr Key kKeys[] = {
#define X(constant, key, type, values, subject, source, about) \
  {key, Type::type, values, Subject::Kind::subject, source, about},
#include "model/facts.def"
#undef X
};

std::unexpected<Error> wrong(const Key& key, std::string_view takes,
                             std::string_view text,
                             std::string_view more = {}) {
  return fail(Error::Kind::malformed,
              fmt::format("{} is {}, not '{}'{}", key.key, takes,
                          printable(text, 100), more));
}

Result<Value> word_from(const Key& key, std::string_view text) {
  const std::vector<std::string> words = words_of(key);
  if (std::ranges::find(words, text) != words.end()) {
    return Value(std::string(text));
  }
  const auto near = nearest(text, words);
  return wrong(key, "one of " + std::string(key.values), text,
               near ? "; did you mean '" + *near + "'?" : "");
}

// "570.158.01"; a branch alone says too little.
Result<Value> version_from(const Key& key, std::string_view text) {
  const std::vector<std::string> instead = words_of(key);
  if (std::ranges::find(instead, text) != instead.end()) {
    return Value(std::string(text));
  }
  const auto parts = split(text, '.');
  const auto is_number = [](std::string_view part) {
    return !part.empty() &&
           part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (parts.size() >= 2 && std::ranges::all_of(parts, is_number)) {
    return Value(std::string(text));
  }
  return wrong(key, "a version such as 570.158.01", text);
}

Result<Value> return_from(const Key& key, std::string_view text) {
  if (const NvmlReturn* one = find_nvml_return(text)) {
    return Value(std::string(one->name));
  }
  std::vector<std::string> names;
  for (const NvmlReturn& one : nvml_returns()) names.emplace_back(one.name);
  const auto near = nearest(text, names);
  return wrong(key, "a return of NVML such as SUCCESS or GPU_IS_LOST", text,
               near ? "; did you mean '" + *near + "'?" : "");
}

Result<Value> yes_no_from(const Key& key, std::string_view text) {
  if (text == "true" || text == "yes" || text == "1") return Value(true);
  if (text == "false" || text == "no" || text == "0") return Value(false);
  return wrong(key, "true or false", text);
}

Result<Value> number_from(const Key& key, std::string_view text) {
  const auto whole = to_number<int64_t>(text);
  if (whole && *whole >= 0) return Value(*whole);
  const auto number = to_double(text);
  if (number && std::isfinite(*number) && *number >= 0) return Value(*number);
  const bool is_below = number && *number < 0;
  return wrong(key, is_below ? "not below 0" : "a number", text);
}

}  // namespace

std::span<const Key> all_keys() { return kKeys; }

const Key* find(std::string_view key) {
  const auto* found = std::ranges::find(kKeys, key, &Key::key);
  return found == std::end(kKeys) ? nullptr : found;
}

std::string suggestion(std::string_view wrong_key) {
  std::vector<std::string> names;
  for (const Key& each : kKeys) names.emplace_back(each.key);
  const auto near = nearest(wrong_key, names);
  return near ? "; did you mean '" + *near + "'?" : "";
}

std::vector<std::string> words_of(const Key& key) {
  std::vector<std::string> words;
  if (key.type == Type::number || key.values.empty()) return words;
  for (const std::string_view one : split(key.values, ',')) {
    words.emplace_back(trim(one));
  }
  return words;
}

Result<Value> value_from(const Key& key, std::string_view text) {
  switch (key.type) {
    case Type::version:
      return version_from(key, text);
    case Type::number:
      return number_from(key, text);
    case Type::yes_no:
      return yes_no_from(key, text);
    case Type::words:
      return word_from(key, text);
    case Type::nvml_return:
      return return_from(key, text);
    case Type::text:
      break;
  }
  return Value(std::string(text));
}

}  // namespace gpuward::fact
