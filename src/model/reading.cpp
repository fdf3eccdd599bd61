#include "model/reading.h"

#include <fmt/core.h>

namespace gpuward {

Reading reading_of(Value value, Wall at) {
  return {Reading::State::value, std::move(value), 0, {}, at};
}

Reading reading_unsupported(Wall at) {
  return {Reading::State::unsupported, {}, 0, {}, at};
}

Reading reading_error(int code, std::string why, Wall at) {
  return {Reading::State::error, {}, code, std::move(why), at};
}

std::string to_text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    return *flag ? "true" : "false";
  }
  if (const auto* whole = std::get_if<int64_t>(&value)) {
    return fmt::format("{}", *whole);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return fmt::format("{:g}", *number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return {};
}

}  // namespace gpuward
