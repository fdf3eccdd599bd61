#include <fmt/core.h>

#include "probe/questions.h"

namespace gpuward::probe {
namespace {

std::string compute_mode_name(nvmlComputeMode_t mode) {
  switch (mode) {
    case NVML_COMPUTEMODE_DEFAULT:
      return "default";
    case NVML_COMPUTEMODE_PROHIBITED:
      return "prohibited";
    case NVML_COMPUTEMODE_EXCLUSIVE_PROCESS:
      return "exclusive process";
    default:
      return fmt::format("{}", static_cast<int>(mode));
  }
}

void ask_enabled(Questions& questions, std::string_view field,
                 std::string_view name,
                 nvmlReturn_t (*function)(nvmlDevice_t, nvmlEnableState_t*)) {
  nvmlEnableState_t state{};
  const nvmlReturn_t result = questions.ask(name, function, &state);
  questions.put(field, result, state == NVML_FEATURE_ENABLED);
}

}  // namespace

void ask_modes(Questions& questions) {
  ask_enabled(questions, field::kPersistence,
              GPUWARD_NVML(questions, nvmlDeviceGetPersistenceMode));
  ask_enabled(questions, field::kDisplayActive,
              GPUWARD_NVML(questions, nvmlDeviceGetDisplayActive));
  nvmlComputeMode_t compute{};
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetComputeMode), &compute);
  questions.put(field::kComputeMode, result, compute_mode_name(compute));
  unsigned current = 0;
  unsigned pending = 0;
  result = questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetMigMode),
                         &current, &pending);
  questions.put(field::kMigMode, result, current != 0);
  questions.put(field::kMigModePending, result, pending != 0);
}

}  // namespace gpuward::probe
