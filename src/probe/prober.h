// The prober: the only process of gpuward that loads NVML, reads driver files
// or runs a vendor's program, and so the only one that may hang.
#pragma once

#include "probe/launch.h"

namespace gpuward::probe {

// The internal verb. Never returns before its supervisor said quit, closed the
// socket, or SIGTERM came between two calls; an exit code.
int run_prober(const ProberSettings& settings);

}  // namespace gpuward::probe
