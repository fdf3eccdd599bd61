// What opening the driver's nodes needs beside their being there: the mode of
// /dev/nvidiactl, and nvidia-uvm, which CUDA opens and NVML does not.
#pragma once

#include <optional>

#include "evidence/source.h"

namespace gpuward::evidence {

// Facts gpu_node_mode and uvm.
Collected collect_node_access(const host::Host& host);

// The major that /proc/devices gives the character device `name`.
std::optional<int64_t> character_major(std::string_view proc_devices,
                                       std::string_view name);

}  // namespace gpuward::evidence
