/* Small things that many functions answer with. */
#include <stdio.h>
#include <string.h>

#include "sim/nvml/library.h"

nvmlReturn_t give(int64_t value, unsigned int* out) {
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  if (value < 0) return NVML_ERROR_NOT_SUPPORTED;
  *out = (unsigned int)value;
  return NVML_SUCCESS;
}

/* An empty text is one that this GPU does not have. */
nvmlReturn_t give_text(const char* text, char* out, unsigned int length) {
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const size_t size = strlen(text) + 1;
  if (size == 1) return NVML_ERROR_NOT_SUPPORTED;
  if (size > length) return NVML_ERROR_INSUFFICIENT_SIZE;
  memcpy(out, text, size);
  return NVML_SUCCESS;
}

struct pci {
  unsigned int domain, bus, device, function;
};

/* "0F:00.0", or with a domain of four or eight digits. */
static bool parse_pci(const char* text, struct pci* out) {
  *out = (struct pci){0};
  int end = 0;
  if (sscanf(text, "%x:%x:%x.%x%n", &out->domain, &out->bus, &out->device,
             &out->function, &end) == 4)
    return text[end] == '\0';
  out->domain = 0;
  return sscanf(text, "%x:%x.%x%n", &out->bus, &out->device, &out->function,
                &end) == 3 &&
         text[end] == '\0';
}

void fill_pci(const char* address, nvmlPciInfo_t* out) {
  struct pci pci;
  parse_pci(address, &pci);
  out->domain = pci.domain;
  out->bus = pci.bus;
  out->device = pci.device;
  snprintf(out->busId, sizeof out->busId, "%08X:%02X:%02X.0", pci.domain,
           pci.bus & 0xFF, pci.device & 0x1F);
  snprintf(out->busIdLegacy, sizeof out->busIdLegacy, "%04X:%02X:%02X.0",
           pci.domain & 0xFFFF, pci.bus & 0xFF, pci.device & 0x1F);
}

bool same_pci(const char* left, const char* right) {
  struct pci a, b;
  return parse_pci(left, &a) && parse_pci(right, &b) && a.domain == b.domain &&
         a.bus == b.bus && a.device == b.device;
}
