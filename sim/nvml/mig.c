/* MIG devices, and the instances behind them. */
#include "sim/nvml/mig.h"

#include <string.h>

/* Handles of instances, as those of devices: places in a table. */
struct nvmlGpuInstance_st {
  char readable[16];
};
struct nvmlComputeInstance_st {
  char readable[16];
};
static struct nvmlGpuInstance_st gpu_instances[SIM_MAX_GPUS][MAX_GPU_INSTANCES];
static struct nvmlComputeInstance_st
    compute_instances[SIM_MAX_GPUS][MAX_GPU_INSTANCES][MAX_COMPUTE_INSTANCES];

static uint32_t mig_count(const struct sim_gpu* gpu) {
  if (gpu->mig_mode != 1) return 0;
  return gpu->mig_count < SIM_MAX_MIG ? gpu->mig_count : SIM_MAX_MIG;
}

EXPORT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t handle,
                                         unsigned int* current,
                                         unsigned int* pending) {
  ENTER_GPU(handle);
  const nvmlReturn_t answer = give(target.gpu->mig_mode, current);
  if (answer != NVML_SUCCESS) return answer;
  return give(target.gpu->mig_mode_pending, pending);
}

/* Zero, not an error, where MIG is off or unknown. */
EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t handle,
                                                   unsigned int* count) {
  ENTER_GPU(handle);
  return give(target.gpu->mig_mode == 1 ? SIM_MAX_MIG - 1 : 0, count);
}

EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t handle,
                                                        unsigned int index,
                                                        nvmlDevice_t* out) {
  ENTER_GPU(handle);
  if (out == NULL || index >= SIM_MAX_MIG) return NVML_ERROR_INVALID_ARGUMENT;
  if (target.gpu->mig_mode < 0) return NVML_ERROR_NOT_SUPPORTED;
  if (index >= mig_count(target.gpu)) return NVML_ERROR_NOT_FOUND;
  *out = mig_handle(target.index, &target.gpu->mig[index]);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(
    nvmlDevice_t handle, nvmlDevice_t* out) {
  ENTER_DEVICE(handle);
  if (target.mig == NULL || out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *out = device_handle(target.index);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t handle,
                                                unsigned int* is_mig) {
  ENTER_DEVICE(handle);
  return give(target.mig != NULL, is_mig);
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t handle,
                                               unsigned int* id) {
  ENTER_DEVICE(handle);
  if (target.mig == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  return give(target.mig->gpu_instance, id);
}

EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t handle,
                                                   unsigned int* id) {
  ENTER_DEVICE(handle);
  if (target.mig == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  return give(target.mig->compute_instance, id);
}

/* Version 1 ended before the slices. */
static nvmlReturn_t give_attributes(const char* symbol, nvmlDevice_t handle,
                                    nvmlDeviceAttributes_t* out, size_t size) {
  struct target target;
  const nvmlReturn_t entered = enter_device(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (target.mig == NULL) return NVML_ERROR_NOT_SUPPORTED;
  const unsigned int slices = compute_slices(target.mig->ci_profile);
  const nvmlDeviceAttributes_t attributes = {
      .multiprocessorCount = multiprocessors(target.gpu, slices),
      .sharedCopyEngineCount = target.mig->slices,
      .sharedDecoderCount = target.mig->slices,
      .gpuInstanceSliceCount = target.mig->slices,
      .computeInstanceSliceCount = slices,
      .memorySizeMB = target.mig->memory_bytes >> 20};
  memcpy(out, &attributes, size);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t handle,
                                            nvmlDeviceAttributes_t* out) {
  return give_attributes(__func__, handle, out, NVML_DEVICE_ATTRIBUTES_V1_SIZE);
}

EXPORT nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t handle,
                                               nvmlDeviceAttributes_t* out) {
  return give_attributes(__func__, handle, out, sizeof *out);
}

/* The first MIG device of a GPU instance stands for the instance. */
static const struct sim_mig* find_instance(const struct sim_gpu* gpu,
                                           unsigned int id) {
  for (uint32_t i = 0; i < mig_count(gpu); ++i)
    if (gpu->mig[i].gpu_instance == id) return &gpu->mig[i];
  return NULL;
}

static bool is_first(const struct sim_gpu* gpu, const struct sim_mig* mig) {
  return find_instance(gpu, mig->gpu_instance) == mig;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t handle,
                                                 unsigned int id,
                                                 nvmlGpuInstance_t* out) {
  ENTER_GPU(handle);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (target.gpu->mig_mode != 1) return NVML_ERROR_NOT_SUPPORTED;
  if (id >= MAX_GPU_INSTANCES || find_instance(target.gpu, id) == NULL)
    return NVML_ERROR_NOT_FOUND;
  *out = &gpu_instances[target.index][id];
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t handle,
                                              unsigned int id,
                                              nvmlGpuInstance_t* out,
                                              unsigned int* count) {
  ENTER_GPU(handle);
  if (out == NULL || count == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (target.gpu->mig_mode != 1) return NVML_ERROR_NOT_SUPPORTED;
  *count = 0;
  for (uint32_t i = 0; i < mig_count(target.gpu); ++i) {
    const struct sim_mig* mig = &target.gpu->mig[i];
    if (profile_id(mig->gi_profile) == id && is_first(target.gpu, mig))
      out[(*count)++] =
          &gpu_instances[target.index][mig->gpu_instance % MAX_GPU_INSTANCES];
  }
  return NVML_SUCCESS;
}

/* A GPU instance, or a compute instance of it. */
struct instance {
  const struct sim_gpu* gpu;
  const struct sim_mig* mig;
  int index;
};

static nvmlReturn_t find_mig(int gpu, size_t gi, size_t ci, bool any_ci,
                             struct instance* out) {
  const struct sim_state* state = sim_state();
  *out = (struct instance){.gpu = &state->gpus[gpu], .index = gpu};
  if (gpu >= (int)state->gpu_count || out->gpu->lost != 0)
    return NVML_ERROR_GPU_IS_LOST;
  for (uint32_t i = 0; i < mig_count(out->gpu); ++i) {
    const struct sim_mig* mig = &out->gpu->mig[i];
    if (mig->gpu_instance != gi || (!any_ci && mig->compute_instance != ci))
      continue;
    out->mig = mig;
    return PROCEED;
  }
  return NVML_ERROR_INVALID_ARGUMENT;
}

/* Place of a handle in a table, or -1. */
static ptrdiff_t place_in(const void* table, size_t size, size_t entry,
                          const void* handle) {
  const uintptr_t at = (uintptr_t)handle - (uintptr_t)table;
  return at < size && at % entry == 0 ? (ptrdiff_t)(at / entry) : -1;
}

static nvmlReturn_t enter_gpu_instance(const char* symbol,
                                       nvmlGpuInstance_t handle,
                                       struct instance* out) {
  const ptrdiff_t place = place_in(gpu_instances, sizeof gpu_instances,
                                   sizeof gpu_instances[0][0], handle);
  const int gpu = place < 0 ? ANY_GPU : (int)(place / MAX_GPU_INSTANCES);
  const nvmlReturn_t entered = enter_library(symbol, gpu);
  if (entered != PROCEED) return entered;
  if (place < 0) return NVML_ERROR_INVALID_ARGUMENT;
  return find_mig(gpu, (size_t)place % MAX_GPU_INSTANCES, 0, true, out);
}

static nvmlReturn_t enter_compute_instance(const char* symbol,
                                           nvmlComputeInstance_t handle,
                                           struct instance* out) {
  const ptrdiff_t place = place_in(compute_instances, sizeof compute_instances,
                                   sizeof compute_instances[0][0][0], handle);
  const size_t ci = (size_t)place % MAX_COMPUTE_INSTANCES;
  const size_t gi = (size_t)place / MAX_COMPUTE_INSTANCES % MAX_GPU_INSTANCES;
  const int gpu =
      place < 0 ? ANY_GPU
                : (int)(place / MAX_COMPUTE_INSTANCES / MAX_GPU_INSTANCES);
  const nvmlReturn_t entered = enter_library(symbol, gpu);
  if (entered != PROCEED) return entered;
  if (place < 0) return NVML_ERROR_INVALID_ARGUMENT;
  return find_mig(gpu, gi, ci, false, out);
}

EXPORT nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t handle,
                                           nvmlGpuInstanceInfo_t* out) {
  struct instance instance;
  const nvmlReturn_t entered = enter_gpu_instance(__func__, handle, &instance);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *out =
      (nvmlGpuInstanceInfo_t){.device = device_handle(instance.index),
                              .id = instance.mig->gpu_instance,
                              .profileId = profile_id(instance.mig->gi_profile),
                              .placement = {instance.mig->placement_start,
                                            instance.mig->placement_size}};
  return NVML_SUCCESS;
}

static nvmlComputeInstance_t compute_handle(const struct instance* of,
                                            const struct sim_mig* mig) {
  return &compute_instances[of->index][mig->gpu_instance % MAX_GPU_INSTANCES]
                           [mig->compute_instance % MAX_COMPUTE_INSTANCES];
}

EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(
    nvmlGpuInstance_t handle, unsigned int id, nvmlComputeInstance_t* out) {
  struct instance instance;
  const nvmlReturn_t entered = enter_gpu_instance(__func__, handle, &instance);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  struct instance found;
  const nvmlReturn_t answer =
      find_mig(instance.index, instance.mig->gpu_instance, id, false, &found);
  if (answer == NVML_ERROR_INVALID_ARGUMENT) return NVML_ERROR_NOT_FOUND;
  if (answer != PROCEED) return answer;
  *out = compute_handle(&found, found.mig);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstances(
    nvmlGpuInstance_t handle, unsigned int id, nvmlComputeInstance_t* out,
    unsigned int* count) {
  struct instance instance;
  const nvmlReturn_t entered = enter_gpu_instance(__func__, handle, &instance);
  if (entered != PROCEED) return entered;
  if (out == NULL || count == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *count = 0;
  for (uint32_t i = 0; i < mig_count(instance.gpu); ++i) {
    const struct sim_mig* mig = &instance.gpu->mig[i];
    if (mig->gpu_instance == instance.mig->gpu_instance &&
        mig->ci_profile == id)
      out[(*count)++] = compute_handle(&instance, mig);
  }
  return NVML_SUCCESS;
}

static nvmlReturn_t fill_profile(const struct instance* instance,
                                 unsigned int profile, unsigned int engine,
                                 nvmlComputeInstanceProfileInfo_t* out) {
  if (out == NULL || profile >= NVML_COMPUTE_INSTANCE_PROFILE_COUNT ||
      engine >= NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT)
    return NVML_ERROR_INVALID_ARGUMENT;
  const unsigned int slices = compute_slices(profile);
  const unsigned int all = instance->mig->slices;
  if (slices == 0 || slices > all) return NVML_ERROR_NOT_SUPPORTED;
  *out = (nvmlComputeInstanceProfileInfo_t){
      .id = profile,
      .sliceCount = slices,
      .instanceCount = all / slices,
      .multiprocessorCount = multiprocessors(instance->gpu, slices),
      .sharedCopyEngineCount = all,
      .sharedDecoderCount = all};
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(
    nvmlGpuInstance_t handle, unsigned int profile, unsigned int engine,
    nvmlComputeInstanceProfileInfo_t* out) {
  struct instance instance;
  const nvmlReturn_t entered = enter_gpu_instance(__func__, handle, &instance);
  if (entered != PROCEED) return entered;
  return fill_profile(&instance, profile, engine, out);
}

/* Version 1 ended before the placement. */
static nvmlReturn_t give_info(const char* symbol, nvmlComputeInstance_t handle,
                              nvmlComputeInstanceInfo_t* out, size_t size) {
  struct instance instance;
  const nvmlReturn_t entered =
      enter_compute_instance(symbol, handle, &instance);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const struct sim_mig* mig = instance.mig;
  const nvmlComputeInstanceInfo_t info = {
      .device = device_handle(instance.index),
      .gpuInstance = &gpu_instances[instance.index][mig->gpu_instance],
      .id = mig->compute_instance,
      .profileId = mig->ci_profile,
      .placement = {0, compute_slices(mig->ci_profile)}};
  memcpy(out, &info, size);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlComputeInstanceGetInfo(nvmlComputeInstance_t handle,
                                               nvmlComputeInstanceInfo_t* out) {
  return give_info(__func__, handle, out, NVML_COMPUTE_INSTANCE_INFO_V1_SIZE);
}

EXPORT nvmlReturn_t nvmlComputeInstanceGetInfo_v2(
    nvmlComputeInstance_t handle, nvmlComputeInstanceInfo_t* out) {
  return give_info(__func__, handle, out, sizeof *out);
}
