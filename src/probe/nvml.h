// The functions of libnvidia-ml that the prober uses, resolved at run time.
// Only the prober's process ever has one of these (design, law 1).
//
// A row is a function; its signature is in nvml_abi.h. A function that the
// library lacks stays null; the reading that needs it is then "not supported".
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "probe/nvml_abi.h"

#define GPUWARD_NVML_FUNCTIONS(X)               \
  X(nvmlInit_v2)                                \
  X(nvmlShutdown)                               \
  X(nvmlSystemGetDriverVersion)                 \
  X(nvmlSystemGetNVMLVersion)                   \
  X(nvmlSystemGetCudaDriverVersion_v2)          \
  X(nvmlDeviceGetCount_v2)                      \
  X(nvmlDeviceGetHandleByIndex_v2)              \
  X(nvmlDeviceGetName)                          \
  X(nvmlDeviceGetUUID)                          \
  X(nvmlDeviceGetPciInfo_v3)                    \
  X(nvmlDeviceGetSerial)                        \
  X(nvmlDeviceGetMinorNumber)                   \
  X(nvmlDeviceGetBoardPartNumber)               \
  X(nvmlDeviceGetBoardId)                       \
  X(nvmlDeviceGetVbiosVersion)                  \
  X(nvmlDeviceGetInforomImageVersion)           \
  X(nvmlDeviceGetInforomVersion)                \
  X(nvmlDeviceGetGspFirmwareVersion)            \
  X(nvmlDeviceGetGspFirmwareMode)               \
  X(nvmlDeviceGetArchitecture)                  \
  X(nvmlDeviceGetBrand)                         \
  X(nvmlDeviceGetCudaComputeCapability)         \
  X(nvmlDeviceGetMemoryInfo_v2)                 \
  X(nvmlDeviceGetMemoryInfo)                    \
  X(nvmlDeviceGetUtilizationRates)              \
  X(nvmlDeviceGetClockInfo)                     \
  X(nvmlDeviceGetMaxClockInfo)                  \
  X(nvmlDeviceGetCurrentClocksEventReasons)     \
  X(nvmlDeviceGetCurrentClocksThrottleReasons)  \
  X(nvmlDeviceGetPerformanceState)              \
  X(nvmlDeviceGetTemperature)                   \
  X(nvmlDeviceGetFanSpeed)                      \
  X(nvmlDeviceGetPowerUsage)                    \
  X(nvmlDeviceGetEnforcedPowerLimit)            \
  X(nvmlDeviceGetEccMode)                       \
  X(nvmlDeviceGetTotalEccErrors)                \
  X(nvmlDeviceGetRemappedRows)                  \
  X(nvmlDeviceGetCurrPcieLinkGeneration)        \
  X(nvmlDeviceGetMaxPcieLinkGeneration)         \
  X(nvmlDeviceGetCurrPcieLinkWidth)             \
  X(nvmlDeviceGetMaxPcieLinkWidth)              \
  X(nvmlDeviceGetNvLinkState)                   \
  X(nvmlDeviceGetNvLinkRemotePciInfo_v2)        \
  X(nvmlDeviceGetPersistenceMode)               \
  X(nvmlDeviceGetComputeMode)                   \
  X(nvmlDeviceGetDisplayActive)                 \
  X(nvmlDeviceGetMigMode)                       \
  X(nvmlDeviceGetMaxMigDeviceCount)             \
  X(nvmlDeviceGetMigDeviceHandleByIndex)        \
  X(nvmlDeviceGetGpuInstanceId)                 \
  X(nvmlDeviceGetComputeInstanceId)             \
  X(nvmlDeviceGetAttributes_v2)                 \
  X(nvmlDeviceGetComputeRunningProcesses_v3)    \
  X(nvmlDeviceGetGraphicsRunningProcesses_v3)   \
  X(nvmlDeviceGetMPSComputeRunningProcesses_v3) \
  X(nvmlDeviceGetGpuFabricInfoV)                \
  X(nvmlDeviceGetFieldValues)

namespace gpuward::probe {

struct Nvml {
// A member's name takes no parentheses.
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define GPUWARD_MEMBER(name) decltype(&::name) name = nullptr;
  GPUWARD_NVML_FUNCTIONS(GPUWARD_MEMBER)
#undef GPUWARD_MEMBER
};

// dlopen by full path. Fails with Error::not_found or malformed (no such file,
// another architecture, a library without the functions that nothing works
// without). The library stays loaded for the life of the process.
Result<Nvml> load_nvml(const std::string& path);

// Names of all the functions above: what a probe may hang in.
const std::vector<std::string>& nvml_functions();

}  // namespace gpuward::probe
