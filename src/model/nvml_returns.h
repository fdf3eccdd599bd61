// What NVML's return codes mean, for people.
#pragma once

#include <span>
#include <string_view>

namespace gpuward {

struct NvmlReturn {
  int code;
  std::string_view name;   // "GPU_IS_LOST"
  std::string_view text;   // as nvmlErrorString says it
  std::string_view means;  // and what to make of it
  std::string_view fault;  // id of the fault that it points at, or empty
};

std::span<const NvmlReturn> nvml_returns();
// By number ("15"), name ("GPU_IS_LOST", "NVML_ERROR_GPU_IS_LOST") or text
// ("Unknown Error"); nullptr if there is none.
const NvmlReturn* find_nvml_return(std::string_view word);
// "SUCCESS", "GPU_IS_LOST"; "UNKNOWN_CODE" for a number without a name.
std::string_view nvml_return_name(int code);

}  // namespace gpuward
