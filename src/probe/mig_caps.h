// The nodes that open MIG instances: nvidia-capN below /dev/nvidia-caps, by the
// driver's list of their minors.
#pragma once

#include <string_view>

#include "model/gpu.h"

namespace gpuward::probe {

// Where that list is: a driver file, read by the prober alone.
inline constexpr const char* kMigMinors = "/proc/driver/nvidia-caps/mig-minors";

// Fills in the minors of `gpu`'s MIG devices from lines "gpu0/gi1/access 12"
// and "gpu0/gi1/ci0/access 13". One that is not in the list stays unknown.
// Pure.
void add_caps(Gpu& gpu, std::string_view mig_minors);

}  // namespace gpuward::probe
