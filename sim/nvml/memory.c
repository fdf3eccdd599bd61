/* Memory: its use, its errors, its remapped rows. */
#include "sim/nvml/library.h"

struct usage {
  uint64_t total, reserved, used;
};

/* A MIG device has its own share, used by the processes in its instance. */
static struct usage usage_of(const struct target* target) {
  const struct sim_gpu* gpu = target->gpu;
  if (target->mig == NULL)
    return (struct usage){gpu->memory_total, gpu->memory_reserved,
                          gpu->memory_used};
  struct usage usage = {.total = target->mig->memory_bytes};
  for (uint32_t i = 0; i < gpu->process_count && i < SIM_MAX_PROCESSES; ++i)
    if (gpu->processes[i].gpu_instance == (int32_t)target->mig->gpu_instance)
      usage.used += gpu->processes[i].memory_bytes;
  return usage;
}

static uint64_t less(uint64_t from, uint64_t amount) {
  return from > amount ? from - amount : 0;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t handle,
                                            nvmlMemory_t* out) {
  ENTER_DEVICE(handle);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const struct usage usage = usage_of(&target);
  out->total = usage.total;
  out->used = usage.used + usage.reserved;
  out->free = less(usage.total, out->used);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t handle,
                                               nvmlMemory_v2_t* out) {
  ENTER_DEVICE(handle);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (out->version != nvmlMemory_v2)
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  const struct usage usage = usage_of(&target);
  out->total = usage.total;
  out->reserved = usage.reserved;
  out->used = usage.used;
  out->free = less(usage.total, usage.used + usage.reserved);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t handle,
                                         nvmlEnableState_t* current,
                                         nvmlEnableState_t* pending) {
  ENTER_GPU(handle);
  const nvmlReturn_t answer = give(target.gpu->ecc_mode, current);
  if (answer != NVML_SUCCESS) return answer;
  return give(target.gpu->ecc_mode_pending, pending);
}

static nvmlReturn_t give_errors(const struct sim_gpu* gpu,
                                nvmlMemoryErrorType_t type,
                                nvmlEccCounterType_t counter,
                                unsigned long long* count) {
  if (count == NULL || type > NVML_MEMORY_ERROR_TYPE_UNCORRECTED ||
      counter > NVML_AGGREGATE_ECC)
    return NVML_ERROR_INVALID_ARGUMENT;
  if (gpu->ecc_mode != 1) return NVML_ERROR_NOT_SUPPORTED;
  const int64_t counts[2][2] = {
      {gpu->ecc_volatile_corrected, gpu->ecc_aggregate_corrected},
      {gpu->ecc_volatile_uncorrected, gpu->ecc_aggregate_uncorrected}};
  const int64_t value = counts[type][counter];
  if (value < 0) return NVML_ERROR_NOT_SUPPORTED;
  *count = (unsigned long long)value;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t handle,
                                                nvmlMemoryErrorType_t type,
                                                nvmlEccCounterType_t counter,
                                                unsigned long long* count) {
  ENTER_GPU(handle);
  return give_errors(target.gpu, type, counter, count);
}

/* All errors of a scenario are in the device memory. */
EXPORT nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(
    nvmlDevice_t handle, nvmlMemoryErrorType_t type,
    nvmlEccCounterType_t counter, nvmlMemoryLocation_t location,
    unsigned long long* count) {
  ENTER_GPU(handle);
  if (location >= NVML_MEMORY_LOCATION_COUNT)
    return NVML_ERROR_INVALID_ARGUMENT;
  const nvmlReturn_t answer = give_errors(target.gpu, type, counter, count);
  if (answer != NVML_SUCCESS || location == NVML_MEMORY_LOCATION_DRAM)
    return answer;
  if (location != NVML_MEMORY_LOCATION_SRAM) return NVML_ERROR_NOT_SUPPORTED;
  *count = 0;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t handle,
                                              unsigned int* correctable,
                                              unsigned int* uncorrectable,
                                              unsigned int* pending,
                                              unsigned int* failed) {
  ENTER_GPU(handle);
  if (correctable == NULL || uncorrectable == NULL || pending == NULL ||
      failed == NULL)
    return NVML_ERROR_INVALID_ARGUMENT;
  if (target.gpu->rows_correctable < 0) return NVML_ERROR_NOT_SUPPORTED;
  *correctable = (unsigned int)target.gpu->rows_correctable;
  *uncorrectable = (unsigned int)target.gpu->rows_uncorrectable;
  *pending = target.gpu->rows_pending > 0;
  *failed = target.gpu->rows_failed > 0;
  return NVML_SUCCESS;
}

/* As if each remapped row were in a bank of its own, of 640 banks. */
EXPORT nvmlReturn_t nvmlDeviceGetRowRemapperHistogram(
    nvmlDevice_t handle, nvmlRowRemapperHistogramValues_t* values) {
  ENTER_GPU(handle);
  enum { BANKS = 640 };
  if (values == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (target.gpu->rows_correctable < 0) return NVML_ERROR_NOT_SUPPORTED;
  const int32_t rows =
      target.gpu->rows_correctable + target.gpu->rows_uncorrectable;
  const unsigned int used = rows < BANKS ? (unsigned int)rows : BANKS;
  *values =
      (nvmlRowRemapperHistogramValues_t){.max = BANKS - used, .high = used};
  return NVML_SUCCESS;
}
