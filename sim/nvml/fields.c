/* nvmlDeviceGetFieldValues: each field has a return code of its own. */
#define _GNU_SOURCE
#include <time.h>

#include "sim/nvml/library.h"

static long long now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void set_int(nvmlFieldValue_t* field, int64_t value) {
  field->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
  field->nvmlReturn = give(value, &field->value.uiVal);
}

static void set_counter(nvmlFieldValue_t* field, int64_t value) {
  field->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
  field->nvmlReturn = value < 0 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
  if (value >= 0) field->value.ullVal = (unsigned long long)value;
}

static void set_link_state(const struct sim_gpu* gpu, nvmlFieldValue_t* field) {
  const unsigned int link = field->scopeId;
  set_int(field, link < gpu->link_count && link < SIM_MAX_LINKS
                     ? gpu->links[link].active
                     : SIM_NOT_SUPPORTED);
}

static int64_t if_ecc(const struct sim_gpu* gpu, int64_t count) {
  return gpu->ecc_mode == 1 ? count : SIM_NOT_SUPPORTED;
}

static void set_field(const struct sim_gpu* gpu, nvmlFieldValue_t* field) {
  switch (field->fieldId) {
    case NVML_FI_DEV_ECC_CURRENT:
      return set_int(field, gpu->ecc_mode);
    case NVML_FI_DEV_ECC_PENDING:
      return set_int(field, gpu->ecc_mode_pending);
    case NVML_FI_DEV_ECC_SBE_VOL_TOTAL:
      return set_counter(field, if_ecc(gpu, gpu->ecc_volatile_corrected));
    case NVML_FI_DEV_ECC_DBE_VOL_TOTAL:
      return set_counter(field, if_ecc(gpu, gpu->ecc_volatile_uncorrected));
    case NVML_FI_DEV_ECC_SBE_AGG_TOTAL:
      return set_counter(field, if_ecc(gpu, gpu->ecc_aggregate_corrected));
    case NVML_FI_DEV_ECC_DBE_AGG_TOTAL:
      return set_counter(field, if_ecc(gpu, gpu->ecc_aggregate_uncorrected));
    case NVML_FI_DEV_MEMORY_TEMP:
      return set_int(field, gpu->temperature_memory);
    case NVML_FI_DEV_NVLINK_LINK_COUNT:
      return set_int(field, gpu->link_count);
    case NVML_FI_DEV_NVLINK_GET_STATE:
      return set_link_state(gpu, field);
    case NVML_FI_DEV_REMAPPED_COR:
      return set_int(field, gpu->rows_correctable);
    case NVML_FI_DEV_REMAPPED_UNC:
      return set_int(field, gpu->rows_uncorrectable);
    case NVML_FI_DEV_REMAPPED_PENDING:
      return set_int(field, gpu->rows_pending);
    case NVML_FI_DEV_REMAPPED_FAILURE:
      return set_int(field, gpu->rows_failed);
    case NVML_FI_DEV_POWER_AVERAGE:
    case NVML_FI_DEV_POWER_INSTANT:
      return set_int(field, gpu->power_milliwatts);
    case NVML_FI_DEV_POWER_CURRENT_LIMIT:
      return set_int(field, gpu->power_limit_milliwatts);
    case NVML_FI_DEV_GET_GPU_RECOVERY_ACTION:
      return set_int(field, gpu->recovery_action);
    default:
      field->nvmlReturn = field->fieldId < NVML_FI_MAX
                              ? NVML_ERROR_NOT_SUPPORTED
                              : NVML_ERROR_INVALID_ARGUMENT;
  }
}

EXPORT nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t handle, int count,
                                             nvmlFieldValue_t* fields) {
  ENTER_GPU(handle);
  if (count <= 0 || fields == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const long long now = now_us();
  for (int i = 0; i < count; ++i) {
    fields[i].timestamp = now;
    fields[i].latencyUsec = 0;
    set_field(target.gpu, &fields[i]);
  }
  return NVML_SUCCESS;
}
