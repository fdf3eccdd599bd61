/* What a GPU is: names, numbers, firmware, place on the bus. */
#include <stdio.h>
#include <string.h>

#include "sim/nvml/library.h"

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t handle, char* name,
                                      unsigned int length) {
  ENTER_DEVICE(handle);
  if (target.mig == NULL) return give_text(target.gpu->name, name, length);
  char text[NVML_DEVICE_NAME_V2_BUFFER_SIZE + 40];
  snprintf(text, sizeof text, "%s MIG %s", target.gpu->name,
           target.mig->profile);
  return give_text(text, name, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t handle, char* uuid,
                                      unsigned int length) {
  ENTER_DEVICE(handle);
  return give_text(target.mig != NULL ? target.mig->uuid : target.gpu->uuid,
                   uuid, length);
}

#define TEXT_GETTER(function, field)                            \
  EXPORT nvmlReturn_t function(nvmlDevice_t handle, char* text, \
                               unsigned int length) {           \
    ENTER_GPU(handle);                                          \
    return give_text(target.gpu->field, text, length);          \
  }

TEXT_GETTER(nvmlDeviceGetSerial, serial)
TEXT_GETTER(nvmlDeviceGetBoardPartNumber, board_part)
TEXT_GETTER(nvmlDeviceGetVbiosVersion, vbios)
TEXT_GETTER(nvmlDeviceGetInforomImageVersion, inforom_image)

EXPORT nvmlReturn_t nvmlDeviceGetInforomVersion(nvmlDevice_t handle,
                                                nvmlInforomObject_t object,
                                                char* version,
                                                unsigned int length) {
  ENTER_GPU(handle);
  switch (object) {
    case NVML_INFOROM_OEM:
      return give_text(target.gpu->inforom_oem, version, length);
    case NVML_INFOROM_ECC:
      return give_text(target.gpu->inforom_ecc, version, length);
    case NVML_INFOROM_POWER:
      return give_text(target.gpu->inforom_power, version, length);
    case NVML_INFOROM_DEN:
      return NVML_ERROR_NOT_SUPPORTED;
  }
  return NVML_ERROR_INVALID_ARGUMENT;
}

EXPORT nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t handle,
                                                    char* version) {
  ENTER_GPU(handle);
  return give_text(target.gpu->gsp_version, version,
                   NVML_GSP_FIRMWARE_VERSION_BUF_SIZE);
}

EXPORT nvmlReturn_t nvmlDeviceGetGspFirmwareMode(nvmlDevice_t handle,
                                                 unsigned int* enabled,
                                                 unsigned int* standard) {
  ENTER_GPU(handle);
  if (enabled == NULL || standard == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *enabled = target.gpu->gsp_version[0] != '\0';
  *standard = *enabled;
  return NVML_SUCCESS;
}

/* Of a GPU among the visible ones; of a MIG device on its GPU. */
EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t handle,
                                       unsigned int* index) {
  ENTER_DEVICE(handle);
  return give(target.mig != NULL ? target.mig - target.gpu->mig
                                 : visible_index(target.index),
              index);
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t handle,
                                             unsigned int* minor) {
  ENTER_GPU(handle);
  return give(target.gpu->minor, minor);
}

EXPORT nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t handle,
                                         unsigned int* board) {
  ENTER_GPU(handle);
  return give(target.gpu->board_id, board);
}

EXPORT nvmlReturn_t nvmlDeviceGetArchitecture(
    nvmlDevice_t handle, nvmlDeviceArchitecture_t* architecture) {
  ENTER_DEVICE(handle);
  return give(target.gpu->architecture, architecture);
}

EXPORT nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t handle,
                                       nvmlBrandType_t* brand) {
  ENTER_DEVICE(handle);
  return give(target.gpu->brand, brand);
}

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t handle,
                                                       int* major, int* minor) {
  ENTER_DEVICE(handle);
  if (major == NULL || minor == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *major = target.gpu->cc_major;
  *minor = target.gpu->cc_minor;
  return NVML_SUCCESS;
}

/* Writes the first `size` bytes of the struct: older versions of it were
 * shorter, and the caller has no room for more. */
static nvmlReturn_t give_pci(const char* symbol, nvmlDevice_t handle,
                             nvmlPciInfo_t* out, size_t size) {
  struct target target;
  const nvmlReturn_t entered = enter_device(symbol, handle, &target);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  nvmlPciInfo_t info = {.pciDeviceId = target.gpu->pci_device,
                        .pciSubSystemId = target.gpu->pci_subsystem};
  fill_pci(target.gpu->pci, &info);
  memcpy(out, &info, size);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t handle,
                                         nvmlPciInfo_t* out) {
  return give_pci(__func__, handle, out, NVML_PCI_INFO_V1_SIZE);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t handle,
                                            nvmlPciInfo_t* out) {
  return give_pci(__func__, handle, out, NVML_PCI_INFO_V2_SIZE);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t handle,
                                            nvmlPciInfo_t* out) {
  return give_pci(__func__, handle, out, sizeof *out);
}

EXPORT nvmlReturn_t nvmlDeviceGetAddressingMode(
    nvmlDevice_t handle, nvmlDeviceAddressingMode_t* mode) {
  ENTER_GPU(handle);
  if (mode == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (mode->version != nvmlDeviceAddressingMode_v1)
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  mode->value = 0;
  return NVML_SUCCESS;
}
