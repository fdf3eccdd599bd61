/* Whatever the library answers is what the state file says: that of a node of
 * our own, which is then changed, or inside `gpuward sim run SCENARIO` that of
 * the scenario. */
#include <stdlib.h>

#include "check.h"
#include "node.h"

static const struct sim_state* node;

/* An optional number: a negative one has to be answered NOT_SUPPORTED. */
#define AGREES(function, device, type, wanted)                           \
  do {                                                                   \
    type value_;                                                         \
    const nvmlReturn_t answer_ = NVML(function)(device, &value_);        \
    const long long number_ = (long long)(wanted);                       \
    CHECK_NUMBER(answer_,                                                \
                 number_ < 0 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS); \
    if (answer_ == NVML_SUCCESS) CHECK_NUMBER(value_, number_);          \
  } while (0)

#define AGREES_TEXT(function, device, wanted)                                  \
  do {                                                                         \
    char text_[160] = "";                                                      \
    CHECK_NUMBER(NVML(function)(device, text_, sizeof text_),                  \
                 wanted[0] != '\0' ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED); \
    CHECK_TEXT(text_, wanted);                                                 \
    if (wanted[0] != '\0')                                                     \
      CHECK_NUMBER(NVML(function)(device, text_, 3),                           \
                   NVML_ERROR_INSUFFICIENT_SIZE);                              \
  } while (0)

static void check_identity(nvmlDevice_t device, const struct sim_gpu* gpu) {
  AGREES_TEXT(nvmlDeviceGetName, device, gpu->name);
  AGREES_TEXT(nvmlDeviceGetUUID, device, gpu->uuid);
  AGREES_TEXT(nvmlDeviceGetSerial, device, gpu->serial);
  AGREES_TEXT(nvmlDeviceGetBoardPartNumber, device, gpu->board_part);
  AGREES_TEXT(nvmlDeviceGetVbiosVersion, device, gpu->vbios);
  AGREES_TEXT(nvmlDeviceGetInforomImageVersion, device, gpu->inforom_image);
  char text[64];
  CHECK_NUMBER(NVML(nvmlDeviceGetInforomVersion)(device, NVML_INFOROM_ECC, text,
                                                 sizeof text),
               0);
  CHECK_TEXT(text, gpu->inforom_ecc);
  CHECK_NUMBER(
      NVML(nvmlDeviceGetInforomVersion)(device, NVML_INFOROM_POWER, text,
                                        sizeof text),
      gpu->inforom_power[0] != '\0' ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED);
  CHECK_NUMBER(NVML(nvmlDeviceGetGspFirmwareVersion)(device, text), 0);
  CHECK_TEXT(text, gpu->gsp_version);
  AGREES(nvmlDeviceGetMinorNumber, device, unsigned int, gpu->minor);
  AGREES(nvmlDeviceGetBoardId, device, unsigned int, gpu->board_id);
  AGREES(nvmlDeviceGetArchitecture, device, unsigned int, gpu->architecture);
  AGREES(nvmlDeviceGetBrand, device, nvmlBrandType_t, gpu->brand);
  int major = 0, minor = -1;
  CHECK_NUMBER(NVML(nvmlDeviceGetCudaComputeCapability)(device, &major, &minor),
               0);
  CHECK_NUMBER(major, gpu->cc_major);
  CHECK_NUMBER(minor, gpu->cc_minor);
  nvmlPciInfo_t pci;
  CHECK_NUMBER(NVML(nvmlDeviceGetPciInfo_v3)(device, &pci), 0);
  CHECK_TEXT(pci.busId, gpu->pci);
  CHECK_TEXT(pci.busIdLegacy, gpu->pci + 4);
  CHECK_NUMBER(pci.pciDeviceId, gpu->pci_device);
  CHECK_NUMBER(pci.pciSubSystemId, gpu->pci_subsystem);
}

static void check_readings(nvmlDevice_t device, const struct sim_gpu* gpu) {
  AGREES(nvmlDeviceGetPerformanceState, device, nvmlPstates_t,
         gpu->performance_state);
  AGREES(nvmlDeviceGetFanSpeed, device, unsigned int, gpu->fan);
  AGREES(nvmlDeviceGetPowerUsage, device, unsigned int, gpu->power_milliwatts);
  AGREES(nvmlDeviceGetEnforcedPowerLimit, device, unsigned int,
         gpu->power_limit_milliwatts);
  AGREES(nvmlDeviceGetCurrPcieLinkGeneration, device, unsigned int,
         gpu->pcie_generation);
  AGREES(nvmlDeviceGetMaxPcieLinkGeneration, device, unsigned int,
         gpu->pcie_generation_max);
  AGREES(nvmlDeviceGetCurrPcieLinkWidth, device, unsigned int, gpu->pcie_width);
  AGREES(nvmlDeviceGetMaxPcieLinkWidth, device, unsigned int,
         gpu->pcie_width_max);
  AGREES(nvmlDeviceGetPersistenceMode, device, nvmlEnableState_t,
         gpu->persistence_mode);
  AGREES(nvmlDeviceGetComputeMode, device, nvmlComputeMode_t,
         gpu->compute_mode);
  AGREES(nvmlDeviceGetDisplayActive, device, nvmlEnableState_t,
         gpu->display_active);
  AGREES(nvmlDeviceGetCurrentClocksEventReasons, device, unsigned long long,
         gpu->clock_reasons);
  AGREES(nvmlDeviceGetCurrentClocksThrottleReasons, device, unsigned long long,
         gpu->clock_reasons);
  unsigned int value = 0;
  CHECK_NUMBER(
      NVML(nvmlDeviceGetTemperature)(device, NVML_TEMPERATURE_GPU, &value), 0);
  CHECK_NUMBER(value, gpu->temperature);
  const int clocks[] = {gpu->clock_graphics, gpu->clock_sm, gpu->clock_memory,
                        gpu->clock_video};
  const int most[] = {gpu->clock_graphics_max, gpu->clock_sm_max,
                      gpu->clock_memory_max, gpu->clock_video_max};
  for (unsigned int i = 0; i < NVML_CLOCK_COUNT; ++i) {
    CHECK_NUMBER(
        NVML(nvmlDeviceGetClockInfo)(device, (nvmlClockType_t)i, &value), 0);
    CHECK_NUMBER(value, clocks[i]);
    CHECK_NUMBER(
        NVML(nvmlDeviceGetMaxClockInfo)(device, (nvmlClockType_t)i, &value), 0);
    CHECK_NUMBER(value, most[i]);
  }
  nvmlUtilization_t rates = {0, 0};
  CHECK_NUMBER(NVML(nvmlDeviceGetUtilizationRates)(device, &rates), 0);
  CHECK_NUMBER(rates.gpu, gpu->utilization_gpu);
  CHECK_NUMBER(rates.memory, gpu->utilization_memory);
}

static void check_memory(nvmlDevice_t device, const struct sim_gpu* gpu) {
  nvmlMemory_t v1;
  CHECK_NUMBER(NVML(nvmlDeviceGetMemoryInfo)(device, &v1), 0);
  CHECK_NUMBER(v1.total, gpu->memory_total);
  CHECK_NUMBER(v1.used, gpu->memory_used + gpu->memory_reserved);
  CHECK_NUMBER(v1.free + v1.used, v1.total);
  nvmlMemory_v2_t v2 = {.version = nvmlMemory_v2};
  CHECK_NUMBER(NVML(nvmlDeviceGetMemoryInfo_v2)(device, &v2), 0);
  CHECK_NUMBER(v2.used, gpu->memory_used);
  CHECK_NUMBER(v2.reserved, gpu->memory_reserved);
  CHECK_NUMBER(v2.used + v2.free + v2.reserved, v2.total);
  v2.version = 1;
  CHECK_NUMBER(NVML(nvmlDeviceGetMemoryInfo_v2)(device, &v2),
               NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  const int64_t errors[2][2] = {
      {gpu->ecc_volatile_corrected, gpu->ecc_aggregate_corrected},
      {gpu->ecc_volatile_uncorrected, gpu->ecc_aggregate_uncorrected}};
  for (unsigned int type = 0; type < 2; ++type)
    for (unsigned int counter = 0; counter < 2; ++counter) {
      unsigned long long count = 0;
      CHECK_NUMBER(NVML(nvmlDeviceGetTotalEccErrors)(
                       device, (nvmlMemoryErrorType_t)type,
                       (nvmlEccCounterType_t)counter, &count),
                   0);
      CHECK_NUMBER(count, errors[type][counter]);
    }
  unsigned int correctable, uncorrectable, pending, failed;
  CHECK_NUMBER(NVML(nvmlDeviceGetRemappedRows)(
                   device, &correctable, &uncorrectable, &pending, &failed),
               0);
  CHECK_NUMBER(correctable, gpu->rows_correctable);
  CHECK_NUMBER(uncorrectable, gpu->rows_uncorrectable);
  CHECK_NUMBER(pending, gpu->rows_pending);
  CHECK_NUMBER(failed, gpu->rows_failed);
}

static void check_fields(nvmlDevice_t device, const struct sim_gpu* gpu) {
  nvmlFieldValue_t fields[] = {{.fieldId = NVML_FI_DEV_MEMORY_TEMP},
                               {.fieldId = NVML_FI_DEV_GET_GPU_RECOVERY_ACTION},
                               {.fieldId = NVML_FI_DEV_ECC_SBE_AGG_TOTAL},
                               {.fieldId = 300}};
  CHECK_NUMBER(NVML(nvmlDeviceGetFieldValues)(device, 4, fields), 0);
  for (int i = 0; i < 3; ++i) CHECK_NUMBER(fields[i].nvmlReturn, 0);
  CHECK_NUMBER(fields[0].value.uiVal, gpu->temperature_memory);
  CHECK_NUMBER(fields[1].value.uiVal, gpu->recovery_action);
  CHECK_NUMBER(fields[2].value.ullVal, gpu->ecc_aggregate_corrected);
  CHECK_NUMBER(fields[3].nvmlReturn, NVML_ERROR_NOT_SUPPORTED);
}

static void check_links(nvmlDevice_t device, nvmlDevice_t other,
                        const struct sim_gpu* gpu) {
  for (unsigned int link = 0; link < gpu->link_count; ++link) {
    nvmlEnableState_t active;
    nvmlPciInfo_t remote;
    CHECK_NUMBER(NVML(nvmlDeviceGetNvLinkState)(device, link, &active), 0);
    CHECK_NUMBER(active, gpu->links[link].active);
    CHECK_NUMBER(
        NVML(nvmlDeviceGetNvLinkRemotePciInfo_v2)(device, link, &remote), 0);
    CHECK_TEXT(remote.busId, gpu->links[link].remote);
  }
  nvmlEnableState_t none;
  CHECK_NUMBER(NVML(nvmlDeviceGetNvLinkState)(device, gpu->link_count, &none),
               NVML_ERROR_NOT_SUPPORTED);
  CHECK_NUMBER(
      NVML(nvmlDeviceGetNvLinkState)(device, NVML_NVLINK_MAX_LINKS, &none),
      NVML_ERROR_INVALID_ARGUMENT);
  nvmlGpuTopologyLevel_t level;
  CHECK_NUMBER(NVML(nvmlDeviceGetTopologyCommonAncestor)(device, other, &level),
               0);
  const long next = (gpu - node->gpus + 1) % (long)node->gpu_count;
  CHECK_NUMBER(level, gpu->numa_node == node->gpus[next].numa_node
                          ? NVML_TOPOLOGY_NODE
                          : NVML_TOPOLOGY_SYSTEM);
  nvmlGpuP2PStatus_t status;
  CHECK_NUMBER(NVML(nvmlDeviceGetP2PStatus)(
                   device, other, NVML_P2P_CAPS_INDEX_NVLINK, &status),
               0);
  CHECK_NUMBER(status, NVML_P2P_STATUS_OK);
  nvmlGpuFabricInfo_v3_t fabric = {.version = nvmlGpuFabricInfo_v3};
  CHECK_NUMBER(NVML(nvmlDeviceGetGpuFabricInfoV)(device, &fabric), 0);
  CHECK_NUMBER(fabric.state, gpu->fabric_state);
  CHECK_NUMBER(fabric.cliqueId, gpu->fabric_clique);
  CHECK_NUMBER(fabric.healthMask, gpu->fabric_health_mask);
  /* Without a mask the driver has nothing to sum up. */
  CHECK_NUMBER(fabric.healthSummary,
               gpu->fabric_health_mask != 0
                   ? NVML_GPU_FABRIC_HEALTH_SUMMARY_HEALTHY
                   : NVML_GPU_FABRIC_HEALTH_SUMMARY_NOT_SUPPORTED);
  CHECK(memcmp(fabric.clusterUuid, gpu->fabric_cluster, 16) == 0);
}

static void check_mig_device(nvmlDevice_t parent, unsigned int index,
                             const struct sim_mig* mig) {
  nvmlDevice_t device = NULL, found = NULL;
  CHECK_NUMBER(
      NVML(nvmlDeviceGetMigDeviceHandleByIndex)(parent, index, &device), 0);
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByUUID)(mig->uuid, &found), 0);
  CHECK(found == device);
  CHECK_NUMBER(
      NVML(nvmlDeviceGetDeviceHandleFromMigDeviceHandle)(device, &found), 0);
  CHECK(found == parent);
  AGREES(nvmlDeviceIsMigDeviceHandle, device, unsigned int, 1);
  AGREES(nvmlDeviceIsMigDeviceHandle, parent, unsigned int, 0);
  AGREES_TEXT(nvmlDeviceGetUUID, device, mig->uuid);
  AGREES(nvmlDeviceGetGpuInstanceId, device, unsigned int, mig->gpu_instance);
  AGREES(nvmlDeviceGetComputeInstanceId, device, unsigned int,
         mig->compute_instance);
  nvmlDeviceAttributes_t attributes;
  CHECK_NUMBER(NVML(nvmlDeviceGetAttributes_v2)(device, &attributes), 0);
  CHECK_NUMBER(attributes.gpuInstanceSliceCount, mig->slices);
  CHECK_NUMBER(attributes.memorySizeMB, mig->memory_bytes >> 20);
  nvmlMemory_t memory;
  CHECK_NUMBER(NVML(nvmlDeviceGetMemoryInfo)(device, &memory), 0);
  CHECK_NUMBER(memory.total, mig->memory_bytes);

  nvmlGpuInstance_t instance;
  nvmlGpuInstanceInfo_t info;
  CHECK_NUMBER(
      NVML(nvmlDeviceGetGpuInstanceById)(parent, mig->gpu_instance, &instance),
      0);
  CHECK_NUMBER(NVML(nvmlGpuInstanceGetInfo)(instance, &info), 0);
  CHECK(info.device == parent);
  CHECK_NUMBER(info.placement.start, mig->placement_start);
  CHECK_NUMBER(info.placement.size, mig->placement_size);
  nvmlComputeInstance_t compute;
  nvmlComputeInstanceInfo_t compute_info;
  CHECK_NUMBER(NVML(nvmlGpuInstanceGetComputeInstanceById)(
                   instance, mig->compute_instance, &compute),
               0);
  CHECK_NUMBER(NVML(nvmlComputeInstanceGetInfo_v2)(compute, &compute_info), 0);
  CHECK(compute_info.gpuInstance == instance);
  nvmlComputeInstanceProfileInfo_t profile;
  CHECK_NUMBER(NVML(nvmlGpuInstanceGetComputeInstanceProfileInfo)(
                   instance, mig->ci_profile, 0, &profile),
               0);
  CHECK_NUMBER(profile.id, compute_info.profileId);
}

static const struct sim_profile* profile_of_size(const struct sim_gpu* gpu,
                                                 uint64_t mebibytes,
                                                 uint32_t slices) {
  for (uint32_t i = 0; i < gpu->profile_count; ++i)
    if (gpu->profiles[i].memory_bytes >> 20 == mebibytes &&
        gpu->profiles[i].slices == slices)
      return &gpu->profiles[i];
  return NULL;
}

/* Walks the profiles as clients do: a hole goes on, the end ends. */
static void check_profiles(nvmlDevice_t device, const struct sim_gpu* gpu) {
  uint32_t seen = 0;
  unsigned int profile = 0;
  for (;; ++profile) {
    nvmlGpuInstanceProfileInfo_t info;
    const nvmlReturn_t answer =
        NVML(nvmlDeviceGetGpuInstanceProfileInfo)(device, profile, &info);
    if (answer == NVML_ERROR_INVALID_ARGUMENT) break;
    if (answer == NVML_ERROR_NOT_SUPPORTED) continue;
    CHECK_NUMBER(answer, NVML_SUCCESS);
    const struct sim_profile* known =
        profile_of_size(gpu, info.memorySizeMB, info.sliceCount);
    CHECK(known != NULL);
    unsigned int places = 0;
    CHECK_NUMBER(NVML(nvmlDeviceGetGpuInstancePossiblePlacements_v2)(
                     device, info.id, NULL, &places),
                 0);
    if (known != NULL) CHECK(places >= 1 && places <= 7);
    ++seen;
  }
  CHECK_NUMBER(profile, NVML_GPU_INSTANCE_PROFILE_COUNT);
  CHECK_NUMBER(seen, gpu->profile_count);
}

static void check_gpu(int index, nvmlDevice_t device, nvmlDevice_t other) {
  const struct sim_gpu* gpu = &node->gpus[index];
  nvmlDevice_t found = NULL;
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByUUID)(gpu->uuid, &found), 0);
  CHECK(found == device);
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByPciBusId_v2)(gpu->pci, &found), 0);
  CHECK(found == device);
  AGREES(nvmlDeviceGetIndex, device, unsigned int, index);
  check_identity(device, gpu);
  check_readings(device, gpu);
  check_memory(device, gpu);
  check_fields(device, gpu);
  check_links(device, other, gpu);
  unsigned int current, pending;
  CHECK_NUMBER(NVML(nvmlDeviceGetMigMode)(device, &current, &pending), 0);
  CHECK_NUMBER(current, gpu->mig_mode);
  for (unsigned int i = 0; i < gpu->mig_count; ++i)
    check_mig_device(device, i, &gpu->mig[i]);
  nvmlDevice_t none;
  CHECK_NUMBER(
      NVML(nvmlDeviceGetMigDeviceHandleByIndex)(device, gpu->mig_count, &none),
      NVML_ERROR_NOT_FOUND);
  check_profiles(device, gpu);
}

static void check_system(void) {
  char text[80];
  CHECK_NUMBER(NVML(nvmlSystemGetDriverVersion)(text, sizeof text), 0);
  CHECK_TEXT(text, node->driver_version);
  char wanted[96];
  snprintf(wanted, sizeof wanted, "%d.%s", node->cuda_version / 1000,
           node->library_version);
  CHECK_NUMBER(NVML(nvmlSystemGetNVMLVersion)(text, sizeof text), 0);
  CHECK_TEXT(text, wanted);
  int cuda = 0;
  CHECK_NUMBER(NVML(nvmlSystemGetCudaDriverVersion_v2)(&cuda), 0);
  CHECK_NUMBER(cuda, node->cuda_version);
  unsigned int count = 0;
  CHECK_NUMBER(NVML(nvmlDeviceGetCount_v2)(&count), 0);
  CHECK_NUMBER(count, node->gpu_count);
}

static void check_gpus(void) {
  nvmlDevice_t devices[SIM_MAX_GPUS] = {NULL};
  for (unsigned int i = 0; i < node->gpu_count; ++i)
    CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(i, &devices[i]), 0);
  for (unsigned int i = 0; i < node->gpu_count; ++i)
    check_gpu((int)i, devices[i], devices[(i + 1) % node->gpu_count]);
}

/* A changed reading shows at once. */
static void check_a_change(struct sim_state* own) {
  nvmlDevice_t device;
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(0, &device), 0);
  own->gpus[0].temperature = 88;
  own->gpus[0].power_milliwatts = SIM_NOT_SUPPORTED;
  own->gpus[0].utilization_gpu = 99;
  check_readings(device, &own->gpus[0]);
  char text[80];
  CHECK_NUMBER(NVML(nvmlSystemGetProcessName)(4711, text, sizeof text), 0);
  CHECK_TEXT(text, "python3");
}

int main(void) {
  const char* running = getenv(SIM_ENVIRONMENT);
  struct sim_state* own = running == NULL ? make_node() : NULL;
  node = own != NULL ? own : open_node(running);
  CHECK_NUMBER(NVML(nvmlInit_v2)(), NVML_SUCCESS);
  check_system();
  check_gpus();
  if (own != NULL) check_a_change(own);
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  if (own != NULL) remove_node();
  return failed_checks != 0;
}
