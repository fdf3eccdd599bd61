// GPU models by PCI device id: what is known of a GPU while NVML hangs.
#pragma once

#include <string_view>

namespace gpuward::evidence {

// "NVIDIA H20" for 0x2329; empty for an id that is not in the table (data
// centre GPUs, for the most part).
std::string_view model_of_pci_id(int device_id);

}  // namespace gpuward::evidence
