#include "probe/questions.h"

#include "model/nvml_returns.h"

namespace gpuward::probe {
namespace {

// After these a GPU answers nothing, or each answer costs a time-out.
bool is_fatal(nvmlReturn_t result) {
  return result == NVML_ERROR_GPU_IS_LOST ||
         result == NVML_ERROR_RESET_REQUIRED ||
         result == NVML_ERROR_UNINITIALIZED || result == NVML_ERROR_TIMEOUT;
}

}  // namespace

std::string return_name(int code) {
  return std::string(nvml_return_name(code));
}

Reading Questions::outcome(nvmlReturn_t result, Value value) {
  const Wall now = wall_now();
  if (result == NVML_SUCCESS) return reading_of(std::move(value), now);
  if (result == NVML_ERROR_NOT_SUPPORTED) return reading_unsupported(now);
  if (result == NVML_ERROR_FUNCTION_NOT_FOUND) {
    Reading reading = reading_unsupported(now);
    reading.why = "this driver's library has no such function";
    return reading;
  }
  return reading_error(result, return_name(result), now);
}

void Questions::remember(nvmlReturn_t result) {
  if (is_fatal(result)) fatal_ = result;
}

}  // namespace gpuward::probe
