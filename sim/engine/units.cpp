#include "sim/engine/units.h"

#include <fmt/core.h>

#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <vector>

#include "base/text.h"

namespace gpuward::simulator {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 5> kSizes = {{{"B", 1},
                                         {"KiB", 1024},
                                         {"MiB", 1048576},
                                         {"GiB", 1073741824},
                                         {"TiB", 1099511627776.0}}};

struct Code {
  int32_t code;
  std::string_view name;
};

// nvml.h 13.3, without NVML_ERROR_.
constexpr std::array<Code, 32> kCodes = {{
    {0, "SUCCESS"},
    {1, "UNINITIALIZED"},
    {2, "INVALID_ARGUMENT"},
    {3, "NOT_SUPPORTED"},
    {4, "NO_PERMISSION"},
    {5, "ALREADY_INITIALIZED"},
    {6, "NOT_FOUND"},
    {7, "INSUFFICIENT_SIZE"},
    {8, "INSUFFICIENT_POWER"},
    {9, "DRIVER_NOT_LOADED"},
    {10, "TIMEOUT"},
    {11, "IRQ_ISSUE"},
    {12, "LIBRARY_NOT_FOUND"},
    {13, "FUNCTION_NOT_FOUND"},
    {14, "CORRUPTED_INFOROM"},
    {15, "GPU_IS_LOST"},
    {16, "RESET_REQUIRED"},
    {17, "OPERATING_SYSTEM"},
    {18, "LIB_RM_VERSION_MISMATCH"},
    {19, "IN_USE"},
    {20, "MEMORY"},
    {21, "NO_DATA"},
    {22, "VGPU_ECC_NOT_SUPPORTED"},
    {23, "INSUFFICIENT_RESOURCES"},
    {24, "FREQ_NOT_SUPPORTED"},
    {25, "ARGUMENT_VERSION_MISMATCH"},
    {26, "DEPRECATED"},
    {27, "NOT_READY"},
    {28, "GPU_NOT_FOUND"},
    {29, "INVALID_STATE"},
    {30, "RESET_TYPE_NOT_SUPPORTED"},
    {999, "UNKNOWN"},
}};

size_t number_length(std::string_view text) {
  size_t length = 0;
  while (
      length < text.size() &&
      (text[length] == '.' || (text[length] >= '0' && text[length] <= '9'))) {
    ++length;
  }
  return length;
}

size_t unit_length(std::string_view text) {
  size_t length = 0;
  while (length < text.size() &&
         std::isalpha(static_cast<unsigned char>(text[length]))) {
    ++length;
  }
  return length;
}

template <size_t N>
std::optional<double> factor_of(const std::array<Unit, N>& units,
                                std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

// The sum of "number unit" pairs, or nothing.
template <size_t N>
std::optional<double> sum_of(const std::array<Unit, N>& units,
                             std::string_view text) {
  double sum = 0;
  text = trim(text);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const size_t digits = number_length(text);
    const auto number = to_double(text.substr(0, digits));
    text = trim(text.substr(digits));
    const size_t letters = unit_length(text);
    const auto factor = factor_of(units, text.substr(0, letters));
    if (!number || !factor) return std::nullopt;
    sum += *number * *factor;
    text = trim(text.substr(letters));
  }
  return sum;
}

}  // namespace

Result<Millis> parse_duration(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  const Millis length = TRY(duration_from(is_negative ? text.substr(1) : text));
  return is_negative ? -length : length;
}

Result<uint64_t> parse_size(std::string_view text) {
  const auto sum = sum_of(kSizes, text);
  if (!sum) {
    return fail(Error::Kind::malformed,
                fmt::format("'{}' is no size: write a number with its unit, B, "
                            "KiB, MiB, GiB or TiB, like 97871MiB",
                            text));
  }
  return static_cast<uint64_t>(std::llround(*sum));
}

Result<int32_t> parse_return(std::string_view text) {
  std::string_view name = text;
  if (name.starts_with("NVML_")) name.remove_prefix(5);
  if (name.starts_with("ERROR_")) name.remove_prefix(6);
  std::vector<std::string> known;
  for (const Code& code : kCodes) {
    if (equal_ignoring_case(code.name, name)) return code.code;
    known.emplace_back(code.name);
  }
  if (const auto number = to_number<int32_t>(name); number && *number >= 0) {
    return *number;
  }
  std::string message = fmt::format("'{}' is no return code of NVML", text);
  if (const auto guess = nearest(name, known)) {
    message += fmt::format("; did you mean '{}'?", *guess);
  }
  return fail(Error::Kind::malformed, std::move(message));
}

std::string name_of_return(int32_t code) {
  for (const Code& known : kCodes) {
    if (known.code == code) return std::string(known.name);
  }
  return std::to_string(code);
}

}  // namespace gpuward::simulator
