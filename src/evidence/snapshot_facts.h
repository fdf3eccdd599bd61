// What the prober found out, as facts.
#pragma once

#include <vector>

#include "model/snapshot.h"

namespace gpuward::evidence {

// Pure. Facts driver, module, nvml, nvml_gpus, mig, persistence, gpu and those
// of the probe; source "nvml" or "probe". A reading that is unknown gives no
// fact. Where there are two probes, the facts are those of the first.
std::vector<Evidence> facts_of(const Snapshot& snapshot, Wall now);

// The PCI address as sysfs writes it, from NVML's "00000000:0F:00.0".
std::string pci_address(std::string_view bus_id);

}  // namespace gpuward::evidence
