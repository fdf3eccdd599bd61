/* What GPU instances a GPU could be divided into. */
#include <stdio.h>

#include "sim/nvml/mig.h"

/* As nvidia-smi prints them (mig -lgip); those not known here count on from
 * a number that no driver uses. */
unsigned int profile_id(unsigned int profile) {
  static const unsigned char known[] = {19, 14, 9, 5, 0, 32, 33, 20, 34, 15};
  return profile < sizeof known ? known[profile] : 40 + profile;
}

const struct sim_profile* find_profile(const struct sim_gpu* gpu,
                                       unsigned int profile) {
  if (gpu->mig_mode < 0) return NULL;
  for (uint32_t i = 0; i < gpu->profile_count && i < SIM_MAX_PROFILES; ++i)
    if (gpu->profiles[i].id == profile) return &gpu->profiles[i];
  return NULL;
}

unsigned int compute_slices(unsigned int ci_profile) {
  static const unsigned char slices[] = {1, 2, 3, 4, 7, 8, 6};
  return ci_profile < sizeof slices ? slices[ci_profile] : 0;
}

/* Of a slice: 14 on A100, 16 on what followed. */
unsigned int multiprocessors(const struct sim_gpu* gpu, unsigned int slices) {
  return slices * (gpu->cc_major < 9 ? 14 : 16);
}

/* The profile, or why there is none: NOT_SUPPORTED is a hole in the list,
 * INVALID_ARGUMENT its end; clients walk it by these two. */
static nvmlReturn_t choose(const struct sim_gpu* gpu, unsigned int profile,
                           const struct sim_profile** out) {
  if (profile >= NVML_GPU_INSTANCE_PROFILE_COUNT)
    return NVML_ERROR_INVALID_ARGUMENT;
  *out = find_profile(gpu, profile);
  return *out == NULL ? NVML_ERROR_NOT_SUPPORTED : PROCEED;
}

EXPORT nvmlReturn_t
nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t handle, unsigned int profile,
                                    nvmlGpuInstanceProfileInfo_t* out) {
  ENTER_GPU(handle);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const struct sim_profile* found;
  const nvmlReturn_t chosen = choose(target.gpu, profile, &found);
  if (chosen != PROCEED) return chosen;
  *out = (nvmlGpuInstanceProfileInfo_t){
      .id = profile_id(profile),
      .sliceCount = found->slices,
      .instanceCount = found->instances,
      .multiprocessorCount = multiprocessors(target.gpu, found->slices),
      .copyEngineCount = found->slices,
      .decoderCount = found->slices,
      .memorySizeMB = found->memory_bytes >> 20};
  return NVML_SUCCESS;
}

static void fill_v2(const struct sim_gpu* gpu, const struct sim_profile* found,
                    nvmlGpuInstanceProfileInfo_v2_t* out) {
  *out = (nvmlGpuInstanceProfileInfo_v2_t){
      .version = nvmlGpuInstanceProfileInfo_v2,
      .id = profile_id(found->id),
      .sliceCount = found->slices,
      .instanceCount = found->instances,
      .multiprocessorCount = multiprocessors(gpu, found->slices),
      .copyEngineCount = found->slices,
      .decoderCount = found->slices,
      .memorySizeMB = found->memory_bytes >> 20};
  snprintf(out->name, sizeof out->name, "MIG %s", found->name);
}

static void fill_v3(const struct sim_gpu* gpu, const struct sim_profile* found,
                    nvmlGpuInstanceProfileInfo_v3_t* out) {
  *out = (nvmlGpuInstanceProfileInfo_v3_t){
      .version = nvmlGpuInstanceProfileInfo_v3,
      .id = profile_id(found->id),
      .sliceCount = found->slices,
      .instanceCount = found->instances,
      .multiprocessorCount = multiprocessors(gpu, found->slices),
      .copyEngineCount = found->slices,
      .decoderCount = found->slices,
      .memorySizeMB = found->memory_bytes >> 20};
  snprintf(out->name, sizeof out->name, "MIG %s", found->name);
}

EXPORT nvmlReturn_t
nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t handle, unsigned int profile,
                                     nvmlGpuInstanceProfileInfo_v2_t* out) {
  ENTER_GPU(handle);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const unsigned int version = out->version;
  if (version != nvmlGpuInstanceProfileInfo_v2 &&
      version != nvmlGpuInstanceProfileInfo_v3)
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  const struct sim_profile* found;
  const nvmlReturn_t chosen = choose(target.gpu, profile, &found);
  if (chosen != PROCEED) return chosen;
  if (version == nvmlGpuInstanceProfileInfo_v2)
    fill_v2(target.gpu, found, out);
  else
    fill_v3(target.gpu, found, (nvmlGpuInstanceProfileInfo_v3_t*)(void*)out);
  return NVML_SUCCESS;
}

static const struct sim_profile* profile_with_id(const struct sim_gpu* gpu,
                                                 unsigned int id) {
  for (unsigned int kind = 0; kind < NVML_GPU_INSTANCE_PROFILE_COUNT; ++kind)
    if (profile_id(kind) == id) return find_profile(gpu, kind);
  return NULL;
}

/* Memory slices: eight in a GPU, divided evenly among the instances. */
static nvmlReturn_t placements(const char* symbol, nvmlDevice_t handle,
                               unsigned int id, nvmlGpuInstancePlacement_t* out,
                               unsigned int* count) {
  struct target target;
  const nvmlReturn_t entered = enter_gpu(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (count == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const struct sim_profile* found = profile_with_id(target.gpu, id);
  if (found == NULL || found->instances == 0) return NVML_ERROR_NOT_SUPPORTED;
  unsigned int size = 1;
  while (size * 2 * found->instances <= 8) size *= 2;
  if (found->instances == 1 && found->slices < 7) size = 4;
  *count = found->instances;
  for (unsigned int i = 0; out != NULL && i < found->instances; ++i)
    out[i] = (nvmlGpuInstancePlacement_t){i * size, size};
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements(
    nvmlDevice_t handle, unsigned int id, nvmlGpuInstancePlacement_t* out,
    unsigned int* count) {
  return placements(__func__, handle, id, out, count);
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(
    nvmlDevice_t handle, unsigned int id, nvmlGpuInstancePlacement_t* out,
    unsigned int* count) {
  return placements(__func__, handle, id, out, count);
}
