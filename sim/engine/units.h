// What scenario files and `sim inject` write: durations and sizes with their
// units, and NVML's names for its return codes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::simulator {

// As duration_from reads it, and "-5s".
Result<Millis> parse_duration(std::string_view text);

// "96GiB", "97871MiB", "512 B"; powers of 1024.
Result<uint64_t> parse_size(std::string_view text);

// "GPU_IS_LOST", "NVML_ERROR_GPU_IS_LOST" or a number.
Result<int32_t> parse_return(std::string_view text);
// "GPU_IS_LOST"; the number where it has no name.
std::string name_of_return(int32_t code);

}  // namespace gpuward::simulator
