/* Handles, how calls enter by them, and how clients get them.
 *
 * A handle points into a table of this library, at memory that reads as zero:
 * its place says what it stands for, so nothing is kept, and a handle outlives
 * shutdown, reset and a loss of its GPU, as clients expect.
 */
#include <string.h>

#include "sim/nvml/library.h"

struct nvmlDevice_st {
  char readable[64]; /* nvidia-smi reads 40 bytes of it */
};

enum {
  WHOLE = 1, /* the first entry of a GPU; those of MIG devices follow */
  PER_GPU = WHOLE + MAX_GPU_INSTANCES * MAX_COMPUTE_INSTANCES
};
static struct nvmlDevice_st table[SIM_MAX_GPUS * PER_GPU];

nvmlDevice_t device_handle(int gpu) { return &table[gpu * PER_GPU]; }

nvmlDevice_t mig_handle(int gpu, const struct sim_mig* mig) {
  const uint32_t place =
      mig->gpu_instance % MAX_GPU_INSTANCES * MAX_COMPUTE_INSTANCES +
      mig->compute_instance % MAX_COMPUTE_INSTANCES;
  return &table[gpu * PER_GPU + WHOLE + (int)place];
}

/* Place in the table, or -1 for a pointer that is no handle. */
static int place_of(const void* handle) {
  const uintptr_t start = (uintptr_t)table;
  const uintptr_t at = (uintptr_t)handle;
  if (at < start || at >= start + sizeof table) return -1;
  const uintptr_t offset = at - start;
  if (offset % sizeof table[0] != 0) return -1;
  return (int)(offset / sizeof table[0]);
}

int gpu_of_handle(const void* handle) {
  const int place = place_of(handle);
  return place < 0 ? ANY_GPU : place / PER_GPU;
}

static const struct sim_mig* find_mig(const struct sim_gpu* gpu, int gpu_index,
                                      nvmlDevice_t handle) {
  for (uint32_t i = 0; i < gpu->mig_count && i < SIM_MAX_MIG; ++i)
    if (mig_handle(gpu_index, &gpu->mig[i]) == handle) return &gpu->mig[i];
  return NULL;
}

nvmlReturn_t resolve(nvmlDevice_t handle, struct target* target) {
  const int place = place_of(handle);
  const struct sim_state* state = sim_state();
  if (place < 0 || state == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *target = (struct target){.state = state, .index = place / PER_GPU};
  target->gpu = &state->gpus[target->index];
  if (target->index >= (int)state->gpu_count || target->gpu->lost != 0)
    return NVML_ERROR_GPU_IS_LOST;
  if (place % PER_GPU == 0) return PROCEED;
  target->mig = find_mig(target->gpu, target->index, handle);
  return target->mig == NULL ? NVML_ERROR_INVALID_ARGUMENT : PROCEED;
}

nvmlReturn_t enter_library(const char* symbol, int gpu) {
  const nvmlReturn_t fault = apply_faults(symbol, gpu);
  if (fault != PROCEED) return fault;
  return is_initialized() ? PROCEED : NVML_ERROR_UNINITIALIZED;
}

nvmlReturn_t enter_device(const char* symbol, nvmlDevice_t handle,
                          struct target* target) {
  const nvmlReturn_t entered = enter_library(symbol, gpu_of_handle(handle));
  return entered != PROCEED ? entered : resolve(handle, target);
}

nvmlReturn_t enter_gpu(const char* symbol, nvmlDevice_t handle,
                       struct target* target) {
  const nvmlReturn_t entered = enter_device(symbol, handle, target);
  if (entered != PROCEED) return entered;
  return target->mig == NULL ? PROCEED : NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t count_devices(const char* symbol, unsigned int* count) {
  const nvmlReturn_t entered = enter_library(symbol, ANY_GPU);
  return entered != PROCEED ? entered : give(visible_count(), count);
}

EXPORT nvmlReturn_t nvmlDeviceGetCount(unsigned int* count) {
  return count_devices(__func__, count);
}

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
  return count_devices(__func__, count);
}

static nvmlReturn_t hand_out(int gpu, nvmlDevice_t handle, nvmlDevice_t* out) {
  const struct sim_state* state = sim_state();
  if (gpu >= (int)state->gpu_count) return NVML_ERROR_UNKNOWN;
  const nvmlReturn_t attached = attach_gpu(state, gpu);
  if (attached == NVML_SUCCESS) *out = handle;
  return attached;
}

static nvmlReturn_t by_index(const char* symbol, unsigned int n,
                             nvmlDevice_t* out) {
  const int gpu = visible_gpu(n);
  const nvmlReturn_t entered = enter_library(symbol, gpu);
  if (entered != PROCEED) return entered;
  if (gpu < 0 || out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  return hand_out(gpu, device_handle(gpu), out);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int n,
                                               nvmlDevice_t* out) {
  return by_index(__func__, n, out);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int n,
                                                  nvmlDevice_t* out) {
  return by_index(__func__, n, out);
}

/* The handle that `key` names on this GPU, or NULL. */
typedef nvmlDevice_t (*lookup)(int gpu, const struct sim_gpu*, const char* key);

static nvmlReturn_t by_key(const char* symbol, lookup find, const char* key,
                           nvmlDevice_t* out) {
  const struct sim_state* state = sim_state();
  int gpu = ANY_GPU;
  nvmlDevice_t handle = NULL;
  for (unsigned int n = 0;
       key != NULL && state != NULL && handle == NULL && n < visible_count();
       ++n) {
    gpu = visible_gpu(n);
    handle = find(gpu, &state->gpus[gpu], key);
  }
  const nvmlReturn_t entered =
      enter_library(symbol, handle == NULL ? ANY_GPU : gpu);
  if (entered != PROCEED) return entered;
  if (key == NULL || out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (handle == NULL) return NVML_ERROR_NOT_FOUND;
  return hand_out(gpu, handle, out);
}

static nvmlDevice_t match_uuid(int index, const struct sim_gpu* gpu,
                               const char* uuid) {
  if (strcmp(gpu->uuid, uuid) == 0) return device_handle(index);
  for (uint32_t i = 0; i < gpu->mig_count && i < SIM_MAX_MIG; ++i)
    if (strcmp(gpu->mig[i].uuid, uuid) == 0)
      return mig_handle(index, &gpu->mig[i]);
  return NULL;
}

static nvmlDevice_t match_serial(int index, const struct sim_gpu* gpu,
                                 const char* serial) {
  return strcmp(gpu->serial, serial) == 0 ? device_handle(index) : NULL;
}

static nvmlDevice_t match_pci(int index, const struct sim_gpu* gpu,
                              const char* address) {
  return same_pci(gpu->pci, address) ? device_handle(index) : NULL;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid,
                                              nvmlDevice_t* out) {
  return by_key(__func__, match_uuid, uuid, out);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleBySerial(const char* serial,
                                                nvmlDevice_t* out) {
  return by_key(__func__, match_serial, serial, out);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* address,
                                                  nvmlDevice_t* out) {
  return by_key(__func__, match_pci, address, out);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* address,
                                                     nvmlDevice_t* out) {
  return by_key(__func__, match_pci, address, out);
}
