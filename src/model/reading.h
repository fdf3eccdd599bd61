// One thing that was asked, and what came back.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/time.h"

namespace gpuward {

// monostate: no value.
using Value = std::variant<std::monostate, bool, int64_t, double, std::string>;

// Unknown is not healthy: a reading that failed or is missing never turns into
// a default value, and whoever uses one says what it does without.
struct Reading {
  enum class State {
    unknown,      // never asked, or no answer came
    value,        // `value` holds
    unsupported,  // this GPU or driver has no such thing
    error,        // `why` says what went wrong, `code` the NVML return
  };
  State state = State::unknown;
  Value value;
  int code = 0;     // nvmlReturn_t where NVML was asked, else errno
  std::string why;  // for error and unknown; a note to the others
  Wall at{};        // when the answer came

  bool operator==(const Reading&) const = default;
};

Reading reading_of(Value value, Wall at);
Reading reading_unsupported(Wall at);
Reading reading_error(int code, std::string why, Wall at);

// "570.158.01", "true", "97871", "1.5"; empty for no value.
std::string to_text(const Value& value);

}  // namespace gpuward
