// Facts that a person states: --fact K=V.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/evidence.h"

namespace gpuward::logs {

// "driver=570.158.01", or "nvml@0000:3b:00.0=GPU_IS_LOST" for one GPU. Fails
// with the nearest key where there is no such fact, and where a number is
// wanted and none was given.
Result<Evidence> given_fact(std::string_view text);

}  // namespace gpuward::logs
