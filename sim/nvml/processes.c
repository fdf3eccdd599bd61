/* The processes that use a GPU. */
#include <stdio.h>
#include <string.h>

#include "sim/nvml/library.h"

enum { COMPUTE, GRAPHICS, MPS };

static bool belongs(const struct target* target,
                    const struct sim_process* process, uint32_t kind) {
  if (process->kind != kind) return false;
  return target->mig == NULL ||
         (process->gpu_instance == (int32_t)target->mig->gpu_instance &&
          process->compute_instance == (int32_t)target->mig->compute_instance);
}

static uint32_t all_of(const struct sim_gpu* gpu) {
  return gpu->process_count < SIM_MAX_PROCESSES ? gpu->process_count
                                                : SIM_MAX_PROCESSES;
}

/* `entry_size`: version 1 has entries of 16 bytes, without the instances. */
static nvmlReturn_t list(const char* symbol, nvmlDevice_t handle, uint32_t kind,
                         size_t entry_size, unsigned int* count,
                         void* entries) {
  struct target target;
  const nvmlReturn_t entered = enter_device(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (count == NULL || (entries == NULL && *count > 0))
    return NVML_ERROR_INVALID_ARGUMENT;
  const unsigned int room = *count;
  unsigned int found = 0;
  for (uint32_t i = 0; i < all_of(target.gpu); ++i) {
    const struct sim_process* process = &target.gpu->processes[i];
    if (!belongs(&target, process, kind)) continue;
    if (found < room) {
      const nvmlProcessInfo_t entry = {process->pid, process->memory_bytes,
                                       (unsigned int)process->gpu_instance,
                                       (unsigned int)process->compute_instance};
      memcpy((char*)entries + found * entry_size, &entry, entry_size);
    }
    ++found;
  }
  *count = found;
  return found <= room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

#define PROCESS_LISTS(function, kind)                                         \
  EXPORT nvmlReturn_t function(nvmlDevice_t handle, unsigned int* count,      \
                               nvmlProcessInfo_v1_t* entries) {               \
    return list(__func__, handle, kind, sizeof *entries, count, entries);     \
  }                                                                           \
  EXPORT nvmlReturn_t function##_v2(nvmlDevice_t handle, unsigned int* count, \
                                    nvmlProcessInfo_v2_t* entries) {          \
    return list(__func__, handle, kind, sizeof *entries, count, entries);     \
  }                                                                           \
  EXPORT nvmlReturn_t function##_v3(nvmlDevice_t handle, unsigned int* count, \
                                    nvmlProcessInfo_t* entries) {             \
    return list(__func__, handle, kind, sizeof *entries, count, entries);     \
  }

PROCESS_LISTS(nvmlDeviceGetComputeRunningProcesses, COMPUTE)
PROCESS_LISTS(nvmlDeviceGetGraphicsRunningProcesses, GRAPHICS)
PROCESS_LISTS(nvmlDeviceGetMPSComputeRunningProcesses, MPS)

/* No samples: what an idle GPU answers. */
EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(
    nvmlDevice_t handle, nvmlProcessUtilizationSample_t* samples,
    unsigned int* count, unsigned long long since) {
  ENTER_GPU(handle);
  (void)samples;
  (void)since;
  if (count == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *count = 0;
  return NVML_ERROR_NOT_FOUND;
}

static const char* name_of(const struct sim_state* state, unsigned int pid) {
  for (uint32_t gpu = 0; gpu < state->gpu_count && gpu < SIM_MAX_GPUS; ++gpu)
    for (uint32_t i = 0; i < all_of(&state->gpus[gpu]); ++i)
      if (state->gpus[gpu].processes[i].pid == pid)
        return state->gpus[gpu].processes[i].name;
  return NULL;
}

EXPORT nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char* name,
                                             unsigned int length) {
  ENTER(ANY_GPU);
  if (name == NULL || length == 0) return NVML_ERROR_INVALID_ARGUMENT;
  const char* known = name_of(sim_state(), pid);
  if (known == NULL) return NVML_ERROR_NOT_FOUND;
  snprintf(name, length, "%s", known);
  return NVML_SUCCESS;
}
