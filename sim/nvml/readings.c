/* What a GPU does just now: utilisation, clocks, power, heat, its bus, modes.
 * A reading of SIM_NOT_SUPPORTED answers NOT_SUPPORTED. */
#include "sim/nvml/library.h"

/* A type and a member take no parentheses. */
// NOLINTBEGIN(bugprone-macro-parentheses)
#define NUMBER_GETTER(function, type, field)                       \
  EXPORT nvmlReturn_t function(nvmlDevice_t handle, type* value) { \
    ENTER_GPU(handle);                                             \
    return give(target.gpu->field, value);                         \
  }
// NOLINTEND(bugprone-macro-parentheses)

NUMBER_GETTER(nvmlDeviceGetPerformanceState, nvmlPstates_t, performance_state)
NUMBER_GETTER(nvmlDeviceGetPowerState, nvmlPstates_t, performance_state)
NUMBER_GETTER(nvmlDeviceGetFanSpeed, unsigned int, fan)
NUMBER_GETTER(nvmlDeviceGetPowerUsage, unsigned int, power_milliwatts)
NUMBER_GETTER(nvmlDeviceGetEnforcedPowerLimit, unsigned int,
              power_limit_milliwatts)
NUMBER_GETTER(nvmlDeviceGetPowerManagementLimit, unsigned int,
              power_limit_milliwatts)
NUMBER_GETTER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned int,
              power_limit_milliwatts)
NUMBER_GETTER(nvmlDeviceGetCurrPcieLinkGeneration, unsigned int,
              pcie_generation)
NUMBER_GETTER(nvmlDeviceGetMaxPcieLinkGeneration, unsigned int,
              pcie_generation_max)
NUMBER_GETTER(nvmlDeviceGetCurrPcieLinkWidth, unsigned int, pcie_width)
NUMBER_GETTER(nvmlDeviceGetMaxPcieLinkWidth, unsigned int, pcie_width_max)
NUMBER_GETTER(nvmlDeviceGetPersistenceMode, nvmlEnableState_t, persistence_mode)
NUMBER_GETTER(nvmlDeviceGetComputeMode, nvmlComputeMode_t, compute_mode)
NUMBER_GETTER(nvmlDeviceGetDisplayActive, nvmlEnableState_t, display_active)
NUMBER_GETTER(nvmlDeviceGetDisplayMode, nvmlEnableState_t, display_active)

EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t handle,
                                                  nvmlUtilization_t* rates) {
  ENTER_GPU(handle);
  if (rates == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const nvmlReturn_t answer = give(target.gpu->utilization_gpu, &rates->gpu);
  if (answer != NVML_SUCCESS) return answer;
  return give(target.gpu->utilization_memory, &rates->memory);
}

/* The simulated GPUs neither encode nor decode. */
static nvmlReturn_t give_idle_engine(const char* symbol, nvmlDevice_t handle,
                                     unsigned int* percent,
                                     unsigned int* period) {
  struct target target;
  const nvmlReturn_t entered = enter_gpu(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (percent == NULL || period == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *percent = 0;
  *period = 100000;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t handle,
                                                    unsigned int* percent,
                                                    unsigned int* period) {
  return give_idle_engine(__func__, handle, percent, period);
}

EXPORT nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t handle,
                                                    unsigned int* percent,
                                                    unsigned int* period) {
  return give_idle_engine(__func__, handle, percent, period);
}

EXPORT nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t handle,
                                                nvmlPcieUtilCounter_t counter,
                                                unsigned int* value) {
  ENTER_GPU(handle);
  if (counter > NVML_PCIE_UTIL_RX_BYTES) return NVML_ERROR_INVALID_ARGUMENT;
  return give(0, value);
}

static nvmlReturn_t give_clock(const struct sim_gpu* gpu, nvmlClockType_t type,
                               bool max, unsigned int* mhz) {
  switch (type) {
    case NVML_CLOCK_GRAPHICS:
      return give(max ? gpu->clock_graphics_max : gpu->clock_graphics, mhz);
    case NVML_CLOCK_SM:
      return give(max ? gpu->clock_sm_max : gpu->clock_sm, mhz);
    case NVML_CLOCK_MEM:
      return give(max ? gpu->clock_memory_max : gpu->clock_memory, mhz);
    case NVML_CLOCK_VIDEO:
      return give(max ? gpu->clock_video_max : gpu->clock_video, mhz);
    case NVML_CLOCK_COUNT:
      break;
  }
  return NVML_ERROR_INVALID_ARGUMENT;
}

EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t handle,
                                           nvmlClockType_t type,
                                           unsigned int* mhz) {
  ENTER_GPU(handle);
  return give_clock(target.gpu, type, false, mhz);
}

EXPORT nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t handle,
                                              nvmlClockType_t type,
                                              unsigned int* mhz) {
  ENTER_GPU(handle);
  return give_clock(target.gpu, type, true, mhz);
}

EXPORT nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t handle,
                                       nvmlClockType_t type, nvmlClockId_t id,
                                       unsigned int* mhz) {
  ENTER_GPU(handle);
  if (id == NVML_CLOCK_ID_CURRENT || id == NVML_CLOCK_ID_CUSTOMER_BOOST_MAX)
    return give_clock(target.gpu, type, id != NVML_CLOCK_ID_CURRENT, mhz);
  return id < NVML_CLOCK_ID_COUNT ? NVML_ERROR_NOT_SUPPORTED
                                  : NVML_ERROR_INVALID_ARGUMENT;
}

static nvmlReturn_t give_reasons(const char* symbol, nvmlDevice_t handle,
                                 unsigned long long* reasons) {
  struct target target;
  const nvmlReturn_t entered = enter_gpu(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (reasons == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *reasons = target.gpu->clock_reasons;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(
    nvmlDevice_t handle, unsigned long long* reasons) {
  return give_reasons(__func__, handle, reasons);
}

EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(
    nvmlDevice_t handle, unsigned long long* reasons) {
  return give_reasons(__func__, handle, reasons);
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t handle,
                                             nvmlTemperatureSensors_t sensor,
                                             unsigned int* celsius) {
  ENTER_GPU(handle);
  if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
  return give(target.gpu->temperature, celsius);
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t handle,
                                              nvmlTemperature_t* out) {
  ENTER_GPU(handle);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (out->version != nvmlTemperature_v1)
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  if (out->sensorType != NVML_TEMPERATURE_GPU)
    return NVML_ERROR_INVALID_ARGUMENT;
  if (target.gpu->temperature < 0) return NVML_ERROR_NOT_SUPPORTED;
  out->temperature = target.gpu->temperature;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperatureThreshold(
    nvmlDevice_t handle, nvmlTemperatureThresholds_t threshold,
    unsigned int* celsius) {
  ENTER_GPU(handle);
  if (threshold == NVML_TEMPERATURE_THRESHOLD_SHUTDOWN)
    return give(target.gpu->temperature_shutdown, celsius);
  if (threshold == NVML_TEMPERATURE_THRESHOLD_SLOWDOWN)
    return give(target.gpu->temperature_slowdown, celsius);
  return threshold < NVML_TEMPERATURE_THRESHOLD_COUNT
             ? NVML_ERROR_NOT_SUPPORTED
             : NVML_ERROR_INVALID_ARGUMENT;
}

EXPORT nvmlReturn_t nvmlDeviceGetMarginTemperature(
    nvmlDevice_t handle, nvmlMarginTemperature_t* margin) {
  ENTER_GPU(handle);
  if (margin == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (margin->version != nvmlMarginTemperature_v1)
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  if (target.gpu->temperature < 0 || target.gpu->temperature_slowdown < 0)
    return NVML_ERROR_NOT_SUPPORTED;
  margin->marginTemperature =
      target.gpu->temperature_slowdown - target.gpu->temperature;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t handle,
                                              nvmlGpmSupport_t* support) {
  ENTER_GPU(handle);
  if (support == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (support->version != 1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  support->isSupportedDevice = 0;
  return NVML_SUCCESS;
}
