// NVIDIA devices on the PCI bus: identity and bound driver, from sysfs. No
// file is read that would reach the device itself.
#pragma once

#include "evidence/source.h"

namespace gpuward {

Collected collect_pci(const Host& host);

}  // namespace gpuward
