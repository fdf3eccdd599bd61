// Who has NVIDIA devices: from cgroups and /proc, named and granted by the
// records of the runtimes. Asks no runtime and no driver.
#pragma once

#include <vector>

#include "base/time.h"
#include "host/host.h"
#include "model/container.h"

namespace gpuward::containers {

struct FoundContainers {
  std::vector<Container> containers;  // by label
  std::vector<Gap> gaps;
  // False where nothing can be said: that a container is not listed does not
  // mean that it has ended.
  bool is_whole = true;
};

// Running containers with at least one grant, an unresolved one, all devices
// (privileged), or a request for NVIDIA devices that came to nothing. Of the
// Container everything above `nodes` is filled in.
//
// A child looks (aside.h): records lie on disks that may not answer, and users
// write some of them. Nothing is found, and a gap says why, where it is not
// back by the deadline.
FoundContainers find_containers(const host::Host& host, Millis deadline = 5s);

}  // namespace gpuward::containers
