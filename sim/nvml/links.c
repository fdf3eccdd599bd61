/* How GPUs are connected: NVLink, PCI, the NVSwitch fabric. */
#include <string.h>

#include "sim/nvml/library.h"

enum { SWITCH_PCI_DEVICE = 0x22A310DE /* NVSwitch of H100 boards */ };

static nvmlReturn_t enter_link(const char* symbol, nvmlDevice_t handle,
                               unsigned int link, const struct sim_link** out) {
  struct target target;
  const nvmlReturn_t entered = enter_gpu(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (link >= NVML_NVLINK_MAX_LINKS) return NVML_ERROR_INVALID_ARGUMENT;
  if (link >= target.gpu->link_count || link >= SIM_MAX_LINKS ||
      target.gpu->links[link].active < 0)
    return NVML_ERROR_NOT_SUPPORTED;
  *out = &target.gpu->links[link];
  return PROCEED;
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t handle,
                                             unsigned int link,
                                             nvmlEnableState_t* active) {
  const struct sim_link* found;
  const nvmlReturn_t entered = enter_link(__func__, handle, link, &found);
  return entered != PROCEED ? entered : give(found->active, active);
}

static unsigned int remote_device(const struct sim_link* link) {
  const struct sim_state* state = sim_state();
  for (uint32_t i = 0; i < state->gpu_count && i < SIM_MAX_GPUS; ++i)
    if (same_pci(state->gpus[i].pci, link->remote))
      return state->gpus[i].pci_device;
  return link->remote_is_switch != 0 ? SWITCH_PCI_DEVICE : 0;
}

static nvmlReturn_t give_remote(const char* symbol, nvmlDevice_t handle,
                                unsigned int link, nvmlPciInfo_t* out,
                                size_t size) {
  const struct sim_link* found;
  const nvmlReturn_t entered = enter_link(symbol, handle, link, &found);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (found->remote[0] == '\0') return NVML_ERROR_NOT_SUPPORTED;
  nvmlPciInfo_t info = {.pciDeviceId = remote_device(found)};
  fill_pci(found->remote, &info);
  memcpy(out, &info, size);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo(nvmlDevice_t handle,
                                                     unsigned int link,
                                                     nvmlPciInfo_t* out) {
  return give_remote(__func__, handle, link, out, NVML_PCI_INFO_V2_SIZE);
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t handle,
                                                        unsigned int link,
                                                        nvmlPciInfo_t* out) {
  return give_remote(__func__, handle, link, out, sizeof *out);
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(
    nvmlDevice_t handle, unsigned int link, nvmlIntNvLinkDeviceType_t* type) {
  const struct sim_link* found;
  const nvmlReturn_t entered = enter_link(__func__, handle, link, &found);
  if (entered != PROCEED) return entered;
  if (type == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *type = found->remote_is_switch != 0 ? NVML_NVLINK_DEVICE_TYPE_SWITCH
          : found->remote[0] != '\0'   ? NVML_NVLINK_DEVICE_TYPE_GPU
                                       : NVML_NVLINK_DEVICE_TYPE_UNKNOWN;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkErrorCounter(
    nvmlDevice_t handle, unsigned int link, nvmlNvLinkErrorCounter_t counter,
    unsigned long long* value) {
  const struct sim_link* found;
  const nvmlReturn_t entered = enter_link(__func__, handle, link, &found);
  if (entered != PROCEED) return entered;
  if (value == NULL || counter >= NVML_NVLINK_ERROR_COUNT)
    return NVML_ERROR_INVALID_ARGUMENT;
  *value = 0;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(
    nvmlDevice_t handle, nvmlDevice_t other, nvmlGpuTopologyLevel_t* level) {
  ENTER_GPU(handle);
  struct target second;
  const nvmlReturn_t resolved = resolve(other, &second);
  if (resolved != PROCEED) return resolved;
  if (level == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *level = second.index == target.index ? NVML_TOPOLOGY_INTERNAL
           : second.gpu->numa_node == target.gpu->numa_node
               ? NVML_TOPOLOGY_NODE
               : NVML_TOPOLOGY_SYSTEM;
  return NVML_SUCCESS;
}

/* By a link to the other, or by both having a link to a switch. */
static bool linked(const struct sim_gpu* gpu, const struct sim_gpu* other,
                   bool* to_switch) {
  *to_switch = false;
  for (uint32_t i = 0; i < gpu->link_count && i < SIM_MAX_LINKS; ++i) {
    const struct sim_link* link = &gpu->links[i];
    if (link->active != 1) continue;
    if (same_pci(link->remote, other->pci)) return true;
    if (link->remote_is_switch != 0) *to_switch = true;
  }
  return false;
}

static bool share_nvlink(const struct sim_gpu* gpu,
                         const struct sim_gpu* other) {
  bool first, second;
  if (linked(gpu, other, &first) || linked(other, gpu, &second)) return true;
  return first && second;
}

EXPORT nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t handle,
                                           nvmlDevice_t other,
                                           nvmlGpuP2PCapsIndex_t capability,
                                           nvmlGpuP2PStatus_t* status) {
  ENTER_GPU(handle);
  struct target second;
  const nvmlReturn_t resolved = resolve(other, &second);
  if (resolved != PROCEED) return resolved;
  if (status == NULL || capability >= NVML_P2P_CAPS_INDEX_UNKNOWN)
    return NVML_ERROR_INVALID_ARGUMENT;
  const bool needs_nvlink = capability == NVML_P2P_CAPS_INDEX_NVLINK ||
                            capability == NVML_P2P_CAPS_INDEX_ATOMICS;
  *status = !needs_nvlink || share_nvlink(target.gpu, second.gpu)
                ? NVML_P2P_STATUS_OK
                : NVML_P2P_STATUS_NOT_SUPPORTED;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuFabricInfo(nvmlDevice_t handle,
                                               nvmlGpuFabricInfo_t* out) {
  ENTER_GPU(handle);
  const struct sim_gpu* gpu = target.gpu;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (gpu->fabric_state < 0) return NVML_ERROR_NOT_SUPPORTED;
  memcpy(out->clusterUuid, gpu->fabric_cluster, sizeof out->clusterUuid);
  out->status = (nvmlReturn_t)gpu->fabric_status;
  out->cliqueId = gpu->fabric_clique;
  out->state = (nvmlGpuFabricState_t)gpu->fabric_state;
  return NVML_SUCCESS;
}

/* The mask's fields of two bits: 1 is "true", a defect in the first four;
 * bits 8 to 11 hold a wrong configuration, where above 1. */
static unsigned char summary(uint32_t mask) {
  if (mask == 0) return NVML_GPU_FABRIC_HEALTH_SUMMARY_NOT_SUPPORTED;
  for (unsigned int shift = 0; shift < 8; shift += 2)
    if ((mask >> shift & 3) == 1)
      return NVML_GPU_FABRIC_HEALTH_SUMMARY_UNHEALTHY;
  return (mask >> 8 & 0xF) > 1 ? NVML_GPU_FABRIC_HEALTH_SUMMARY_UNHEALTHY
                               : NVML_GPU_FABRIC_HEALTH_SUMMARY_HEALTHY;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t handle,
                                                nvmlGpuFabricInfoV_t* out) {
  ENTER_GPU(handle);
  const struct sim_gpu* gpu = target.gpu;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const bool v3 = out->version == nvmlGpuFabricInfo_v3;
  if (!v3 && out->version != nvmlGpuFabricInfo_v2)
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  if (gpu->fabric_state < 0) return NVML_ERROR_NOT_SUPPORTED;
  memcpy(out->clusterUuid, gpu->fabric_cluster, sizeof out->clusterUuid);
  out->status = (nvmlReturn_t)gpu->fabric_status;
  out->cliqueId = gpu->fabric_clique;
  out->state = (nvmlGpuFabricState_t)gpu->fabric_state;
  out->healthMask = gpu->fabric_health_mask;
  if (v3) out->healthSummary = summary(gpu->fabric_health_mask);
  return NVML_SUCCESS;
}
