#include <array>

#include "probe/questions.h"

namespace gpuward::probe {
namespace {

// Bits of nvmlClocksEventReasons (nvml.h, NvmlClocksEventReasons).
struct Reason {
  unsigned long long bit;
  std::string_view name;
};
constexpr std::array kReasons = {
    Reason{0x001, "idle"},
    Reason{0x002, "application clocks"},
    Reason{0x004, "software power cap"},
    Reason{0x008, "hardware slowdown"},
    Reason{0x010, "sync boost"},
    Reason{0x020, "software thermal slowdown"},
    Reason{0x040, "hardware thermal slowdown"},
    Reason{0x080, "hardware power brake"},
    Reason{0x100, "display clocks"},
};

std::string reasons_in_words(unsigned long long bits) {
  std::string out;
  for (const Reason& reason : kReasons) {
    if ((bits & reason.bit) == 0) continue;
    if (!out.empty()) out += ", ";
    out += reason.name;
  }
  return out.empty() ? "none" : out;
}

void ask_memory(Questions& questions) {
  nvmlMemory_v2_t memory{};
  memory.version = nvmlMemory_v2;
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetMemoryInfo_v2), &memory);
  if (result == NVML_ERROR_FUNCTION_NOT_FOUND) {
    // Drivers before 510: `used` still holds what is reserved.
    nvmlMemory_t old{};
    result =
        questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetMemoryInfo), &old);
    memory.total = old.total;
    memory.used = old.used;
    memory.free = old.free;
    questions.put(field::kMemoryReserved, NVML_ERROR_FUNCTION_NOT_FOUND, {});
  } else {
    questions.put(field::kMemoryReserved, result,
                  static_cast<int64_t>(memory.reserved));
  }
  questions.put(field::kMemoryTotal, result,
                static_cast<int64_t>(memory.total));
  questions.put(field::kMemoryUsed, result, static_cast<int64_t>(memory.used));
  questions.put(field::kMemoryFree, result, static_cast<int64_t>(memory.free));
}

void ask_clocks(Questions& questions) {
  const auto now = [&](std::string_view field, nvmlClockType_t clock) {
    questions.number(field, GPUWARD_NVML(questions, nvmlDeviceGetClockInfo),
                     clock);
  };
  now(field::kClockGraphics, NVML_CLOCK_GRAPHICS);
  now(field::kClockSm, NVML_CLOCK_SM);
  now(field::kClockMemory, NVML_CLOCK_MEM);
  const auto most = [&](std::string_view field, nvmlClockType_t clock) {
    questions.number(field, GPUWARD_NVML(questions, nvmlDeviceGetMaxClockInfo),
                     clock);
  };
  most(field::kClockGraphicsMax, NVML_CLOCK_GRAPHICS);
  most(field::kClockMemoryMax, NVML_CLOCK_MEM);

  unsigned long long reasons = 0;
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetCurrentClocksEventReasons),
      &reasons);
  if (result == NVML_ERROR_FUNCTION_NOT_FOUND) {
    // The name before driver 535.
    result = questions.ask(
        GPUWARD_NVML(questions, nvmlDeviceGetCurrentClocksThrottleReasons),
        &reasons);
  }
  questions.put(field::kClockReasons, result, reasons_in_words(reasons));
}

void ask_watts(Questions& questions, std::string_view field,
               std::string_view name,
               nvmlReturn_t (*function)(nvmlDevice_t, unsigned*)) {
  unsigned milliwatts = 0;
  const nvmlReturn_t result = questions.ask(name, function, &milliwatts);
  questions.put(field, result, static_cast<double>(milliwatts) / 1000.0);
}

void ask_memory_temperature(Questions& questions) {
  nvmlFieldValue_t value{};
  value.fieldId = NVML_FI_DEV_MEMORY_TEMP;
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetFieldValues), 1, &value);
  if (result == NVML_SUCCESS) result = value.nvmlReturn;
  questions.put(field::kTemperatureMemory, result,
                static_cast<int64_t>(value.value.uiVal));
}

}  // namespace

void ask_load(Questions& questions) {
  ask_memory(questions);
  nvmlUtilization_t utilization{};
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetUtilizationRates), &utilization);
  questions.put(field::kUtilizationGpu, result,
                static_cast<int64_t>(utilization.gpu));
  questions.put(field::kUtilizationMemory, result,
                static_cast<int64_t>(utilization.memory));
  ask_clocks(questions);

  nvmlPstates_t state{};
  result = questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetPerformanceState),
                         &state);
  questions.put(field::kPerformanceState, result, static_cast<int64_t>(state));
  questions.number(field::kTemperature,
                   GPUWARD_NVML(questions, nvmlDeviceGetTemperature),
                   NVML_TEMPERATURE_GPU);
  ask_memory_temperature(questions);
  questions.number(field::kFan, GPUWARD_NVML(questions, nvmlDeviceGetFanSpeed));
  ask_watts(questions, field::kPower,
            GPUWARD_NVML(questions, nvmlDeviceGetPowerUsage));
  ask_watts(questions, field::kPowerLimit,
            GPUWARD_NVML(questions, nvmlDeviceGetEnforcedPowerLimit));
}

}  // namespace gpuward::probe
