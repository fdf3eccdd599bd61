// The readings of a GPU by name: the keys of Gpu::readings, of the snapshot and
// of --json. Names are an interface: added, never renamed. Units are in the
// names. The source of each is a function of NVML (nvml.h, 13.3).
#pragma once

#include <span>
#include <string_view>

namespace gpuward::field {

inline constexpr std::string_view kHandle = "handle";  // value true, or why not
inline constexpr std::string_view kName = "name";
inline constexpr std::string_view kUuid = "uuid";
inline constexpr std::string_view kPciBusId = "pci_bus_id";
inline constexpr std::string_view kSerial = "serial";
inline constexpr std::string_view kMinor = "minor";
inline constexpr std::string_view kBoardPart = "board_part_number";
inline constexpr std::string_view kBoardId = "board_id";
inline constexpr std::string_view kVbios = "vbios_version";
inline constexpr std::string_view kInforomImage = "inforom_image_version";
inline constexpr std::string_view kInforomOem = "inforom_oem_version";
inline constexpr std::string_view kInforomEcc = "inforom_ecc_version";
inline constexpr std::string_view kInforomPower = "inforom_power_version";
inline constexpr std::string_view kGspVersion = "gsp_firmware_version";
inline constexpr std::string_view kGspMode = "gsp_firmware_enabled";
inline constexpr std::string_view kArchitecture = "architecture";
inline constexpr std::string_view kBrand = "brand";
inline constexpr std::string_view kComputeCapability = "compute_capability";
inline constexpr std::string_view kMemoryTotal = "memory_total_bytes";
inline constexpr std::string_view kMemoryUsed = "memory_used_bytes";
inline constexpr std::string_view kMemoryFree = "memory_free_bytes";
inline constexpr std::string_view kMemoryReserved = "memory_reserved_bytes";
inline constexpr std::string_view kUtilizationGpu = "utilization_gpu_percent";
inline constexpr std::string_view kUtilizationMemory =
    "utilization_memory_percent";
inline constexpr std::string_view kClockGraphics = "clock_graphics_mhz";
inline constexpr std::string_view kClockSm = "clock_sm_mhz";
inline constexpr std::string_view kClockMemory = "clock_memory_mhz";
inline constexpr std::string_view kClockGraphicsMax = "clock_graphics_max_mhz";
inline constexpr std::string_view kClockMemoryMax = "clock_memory_max_mhz";
// Words joined by ", ": "idle", "sw power cap", …; "none" where none holds.
inline constexpr std::string_view kClockReasons = "clock_event_reasons";
inline constexpr std::string_view kPerformanceState = "performance_state";
inline constexpr std::string_view kTemperature = "temperature_celsius";
inline constexpr std::string_view kTemperatureMemory =
    "temperature_memory_celsius";
inline constexpr std::string_view kFan = "fan_percent";
inline constexpr std::string_view kPower = "power_watts";
inline constexpr std::string_view kPowerLimit = "power_limit_watts";
inline constexpr std::string_view kEccMode = "ecc_mode";
inline constexpr std::string_view kEccModePending = "ecc_mode_pending";
inline constexpr std::string_view kEccVolatileCorrected =
    "ecc_volatile_corrected";
inline constexpr std::string_view kEccVolatileUncorrected =
    "ecc_volatile_uncorrected";
inline constexpr std::string_view kEccAggregateCorrected =
    "ecc_aggregate_corrected";
inline constexpr std::string_view kEccAggregateUncorrected =
    "ecc_aggregate_uncorrected";
inline constexpr std::string_view kRowsCorrectable =
    "remapped_rows_correctable";
inline constexpr std::string_view kRowsUncorrectable =
    "remapped_rows_uncorrectable";
inline constexpr std::string_view kRowsPending = "remapped_rows_pending";
inline constexpr std::string_view kRowsFailed = "remapped_rows_failed";
inline constexpr std::string_view kPcieGeneration = "pcie_generation";
inline constexpr std::string_view kPcieGenerationMax = "pcie_generation_max";
inline constexpr std::string_view kPcieWidth = "pcie_width";
inline constexpr std::string_view kPcieWidthMax = "pcie_width_max";
inline constexpr std::string_view kPersistence = "persistence_mode";
inline constexpr std::string_view kComputeMode = "compute_mode";
inline constexpr std::string_view kDisplayActive = "display_active";
inline constexpr std::string_view kMigMode = "mig_mode";
inline constexpr std::string_view kMigModePending = "mig_mode_pending";
inline constexpr std::string_view kFabricState = "fabric_state";
inline constexpr std::string_view kFabricStatus = "fabric_status";
inline constexpr std::string_view kRecoveryAction = "recovery_action";

struct Info {
  std::string_view key;
  std::string_view title;  // for people
};
// Every field, in the order in which it is shown.
std::span<const Info> all();

}  // namespace gpuward::field
