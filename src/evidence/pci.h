// NVIDIA devices on the PCI bus: identity and bound driver, from sysfs. No
// file is read that would reach the device itself.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

Collected collect_pci(const host::Host& host);

// Addresses of the NVIDIA GPUs, as sysfs writes them, in the order of the bus.
Result<std::vector<std::string>> gpu_addresses(const host::Root& root);

}  // namespace gpuward::evidence
