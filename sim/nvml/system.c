/* The driver, the library, and the texts of errors. */
#include <stdio.h>
#include <string.h>

#include "sim/nvml/library.h"

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char* version,
                                               unsigned int length) {
  ENTER(ANY_GPU);
  return give_text(sim_state()->driver_version, version, length);
}

/* Answers before init as well: nvidia-smi prints it when versions differ. */
EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char* version,
                                             unsigned int length) {
  const nvmlReturn_t fault = apply_faults(__func__, ANY_GPU);
  if (fault != PROCEED) return fault;
  const struct sim_state* state = sim_state();
  if (state == NULL) return NVML_ERROR_UNKNOWN;
  const char* own = state->library_version[0] != '\0' ? state->library_version
                                                      : state->driver_version;
  char text[128];
  snprintf(text, sizeof text, "%d.%s", state->cuda_version / 1000, own);
  return give_text(text, version, length);
}

static nvmlReturn_t give_cuda_version(const char* symbol, int* version) {
  const nvmlReturn_t fault = apply_faults(symbol, ANY_GPU);
  if (fault != PROCEED) return fault;
  if (version == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const struct sim_state* state = sim_state();
  if (state == NULL) return NVML_ERROR_LIBRARY_NOT_FOUND;
  *version = state->cuda_version;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* version) {
  return give_cuda_version(__func__, version);
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* version) {
  return give_cuda_version(__func__, version);
}

/* Clients compare these texts, so they are those of the driver. */
static const char* const texts[] = {
    "Success",
    "Uninitialized",
    "Invalid Argument",
    "Not Supported",
    "Insufficient Permissions",
    "Already Initialized",
    "Not Found",
    "Insufficient Size",
    "Insufficient External Power",
    "Driver Not Loaded",
    "Timeout",
    "Interrupt Request Issue",
    "NVML Shared Library Not Found",
    "Function Not Found",
    "Corrupted infoROM",
    "GPU is lost",
    "GPU requires reset",
    "The operating system has blocked the request",
    "Driver/library version mismatch",
    "In use by another client",
    "Insufficient Memory",
    "No data",
    "vGPU ECC is not supported",
    "Insufficient Resources",
    "Frequency Not Supported",
    "Argument Version Mismatch",
    "Deprecated",
    "Not Ready",
    "GPU Not Found",
    "Invalid State",
    "Reset Type Not Supported",
};

EXPORT const char* nvmlErrorString(nvmlReturn_t code) {
  apply_faults(__func__, ANY_GPU);
  return code < sizeof texts / sizeof texts[0] ? texts[code] : "Unknown Error";
}
