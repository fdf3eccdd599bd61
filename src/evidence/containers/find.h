// Who has NVIDIA devices: from cgroups and /proc, named and granted by the
// records of the runtimes. Asks no runtime and no driver.
#pragma once

#include <vector>

#include "host/host.h"
#include "model/container.h"

namespace gpuward {

struct FoundContainers {
  std::vector<Container> containers;  // by label
  std::vector<Gap> gaps;
};

// Running containers with at least one grant, an unresolved one, all devices
// (privileged), or a request for NVIDIA devices that came to nothing. Of the
// Container everything above `nodes` is filled in.
FoundContainers find_containers(const Host& host);

}  // namespace gpuward
