// A look from inside a container: a child of ours in its cgroup asks faccessat
// for each node. No device is opened, no driver code runs.
//
// Whatever may hang (joining a cgroup, the container's own file systems) hangs
// in that child, which is killed at the deadline. One that cannot be killed is
// left behind; it holds nothing of ours, and while it is there this process
// does not look at that container again.
#pragma once

#include "host/host.h"
#include "model/container.h"

namespace gpuward::containers {

// Fills in `nodes`, `library` and `frozen`. Where nothing can be asked (not
// root, frozen, no more tasks allowed) every node is unknown with the reason.
// Error::gone where the first process has ended. Takes `patience` and a tenth
// of a second at most.
Result<void> look_inside(const host::Host& host, Container& container,
                         Millis patience);

}  // namespace gpuward::containers
