// The fabric manager, which a system with NVSwitches cannot do without.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

// Facts fabric_manager and fabric_manager_version, where a driver of NVSwitches
// or the fabric manager itself is there.
Collected collect_fabric_manager(const host::Host& host);

}  // namespace gpuward::evidence
