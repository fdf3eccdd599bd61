// Where a prober lives: in a scope or cgroup of its own, so that a stuck one
// delays no service's stop, no upgrade and no pod's end (design, law 2).
//
// Called by the prober itself, before it touches the driver: whatever blocks
// here blocks nobody else, and shows in the progress record.
#pragma once

#include <string>

#include "host/host.h"

namespace gpuward::probe {

// Moves this process; says where it is now: "scope gpuward-prober-1-4711.scope"
// (systemd, SendSIGKILL=no), "cgroup /sys/fs/cgroup/gpuward-prober", or "none:
// why not". `simulated`: a simulated node's probers are kept out of the real
// systemd's sight and get a plain cgroup at most.
std::string place_self(const host::Root& self, int slot, bool simulated);

}  // namespace gpuward::probe
