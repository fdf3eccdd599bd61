// Device nodes of the driver and the majors that it registered. The nodes are
// looked at, never opened.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

Collected collect_nodes(const host::Host& host);

// The character major registered as nvidia (nvidia-frontend before 545); the
// text is that of /proc/devices.
std::optional<int64_t> nvidia_major(std::string_view devices);

// The index of the GPU to which a minor under /dev/nvidia-caps belongs, as in
// /proc/driver/nvidia-caps/mig-minors; nothing for the two of the whole node.
std::optional<int> gpu_of_cap(int minor);

}  // namespace gpuward::evidence
