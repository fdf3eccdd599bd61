#include <fmt/core.h>

#include <array>

#include "probe/questions.h"

namespace gpuward::probe {
namespace {

void ask_ecc(Questions& questions) {
  nvmlEnableState_t current{};
  nvmlEnableState_t pending{};
  const nvmlReturn_t mode = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetEccMode), &current, &pending);
  questions.put(field::kEccMode, mode, current == NVML_FEATURE_ENABLED);
  questions.put(field::kEccModePending, mode, pending == NVML_FEATURE_ENABLED);

  struct Row {
    std::string_view field;
    nvmlMemoryErrorType_t type;
    nvmlEccCounterType_t counter;
  };
  static constexpr std::array kRows = {
      Row{field::kEccVolatileCorrected, NVML_MEMORY_ERROR_TYPE_CORRECTED,
          NVML_VOLATILE_ECC},
      Row{field::kEccVolatileUncorrected, NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
          NVML_VOLATILE_ECC},
      Row{field::kEccAggregateCorrected, NVML_MEMORY_ERROR_TYPE_CORRECTED,
          NVML_AGGREGATE_ECC},
      Row{field::kEccAggregateUncorrected, NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
          NVML_AGGREGATE_ECC}};
  for (const Row& row : kRows) {
    unsigned long long count = 0;
    const nvmlReturn_t result =
        questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetTotalEccErrors),
                      row.type, row.counter, &count);
    questions.put(row.field, result, static_cast<int64_t>(count));
  }
}

void ask_rows(Questions& questions) {
  unsigned correctable = 0;
  unsigned uncorrectable = 0;
  unsigned pending = 0;
  unsigned failed = 0;
  const nvmlReturn_t result =
      questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetRemappedRows),
                    &correctable, &uncorrectable, &pending, &failed);
  questions.put(field::kRowsCorrectable, result,
                static_cast<int64_t>(correctable));
  questions.put(field::kRowsUncorrectable, result,
                static_cast<int64_t>(uncorrectable));
  questions.put(field::kRowsPending, result, pending != 0);
  questions.put(field::kRowsFailed, result, failed != 0);
}

std::string fabric_state_name(unsigned state) {
  switch (state) {
    case NVML_GPU_FABRIC_STATE_NOT_SUPPORTED:
      return "not supported";
    case NVML_GPU_FABRIC_STATE_NOT_STARTED:
      return "not started";
    case NVML_GPU_FABRIC_STATE_IN_PROGRESS:
      return "in progress";
    case NVML_GPU_FABRIC_STATE_COMPLETED:
      return "completed";
    default:
      return fmt::format("{}", state);
  }
}

void ask_fabric(Questions& questions) {
  nvmlGpuFabricInfoV_t fabric{};
  // Version 2 fits every driver that has the function.
  fabric.version = nvmlGpuFabricInfo_v2;
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetGpuFabricInfoV), &fabric);
  // A GPU that can be in no fabric may say so in the answer instead.
  if (result == NVML_SUCCESS &&
      fabric.state == NVML_GPU_FABRIC_STATE_NOT_SUPPORTED) {
    result = NVML_ERROR_NOT_SUPPORTED;
  }
  questions.put(field::kFabricState, result, fabric_state_name(fabric.state));
  questions.put(field::kFabricStatus, result, return_name(fabric.status));
}

std::string recovery_name(unsigned action) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "none",          "reset the GPU",    "reboot the node",
      "drain P2P",     "drain and reset",  "recover the IMEX domain",
      "reset the bus", "reboot the system"};
  if (action < kNames.size()) return std::string(kNames.at(action));
  return fmt::format("{}", action);
}

void ask_recovery(Questions& questions) {
  nvmlFieldValue_t value{};
  value.fieldId = NVML_FI_DEV_GET_GPU_RECOVERY_ACTION;
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetFieldValues), 1, &value);
  if (result == NVML_SUCCESS) result = value.nvmlReturn;
  // A library that does not know the field calls it a bad argument.
  if (result == NVML_ERROR_INVALID_ARGUMENT) result = NVML_ERROR_NOT_SUPPORTED;
  questions.put(field::kRecoveryAction, result,
                recovery_name(value.value.uiVal));
}

}  // namespace

void ask_health(Questions& questions) {
  ask_ecc(questions);
  ask_rows(questions);
  questions.number(
      field::kPcieGeneration,
      GPUWARD_NVML(questions, nvmlDeviceGetCurrPcieLinkGeneration));
  questions.number(field::kPcieGenerationMax,
                   GPUWARD_NVML(questions, nvmlDeviceGetMaxPcieLinkGeneration));
  questions.number(field::kPcieWidth,
                   GPUWARD_NVML(questions, nvmlDeviceGetCurrPcieLinkWidth));
  questions.number(field::kPcieWidthMax,
                   GPUWARD_NVML(questions, nvmlDeviceGetMaxPcieLinkWidth));
  ask_fabric(questions);
  ask_recovery(questions);
}

}  // namespace gpuward::probe
