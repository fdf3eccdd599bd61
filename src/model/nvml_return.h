// Names of NVML's returns (nvml.h 13.3, nvmlReturn_t), without NVML_ERROR_.
#pragma once

#include <string_view>

namespace gpuward {

// "SUCCESS", "GPU_IS_LOST", …; "UNKNOWN_CODE" for a number without a name.
std::string_view nvml_return_name(int code);

}  // namespace gpuward
