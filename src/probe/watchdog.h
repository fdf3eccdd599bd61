// The prober's own end, when nobody is left to decide it: a call that is past
// its deadline in user space, in a process whose supervisor has gone, would
// otherwise wait (or spin) for ever. The same rule as in ending.h: what is
// inside the kernel stays, as the canary.
#pragma once

#include "host/host.h"
#include "probe/progress.h"

namespace gpuward::probe {

// Starts the thread that watches `socket` for the supervisor's end. It touches
// neither the driver nor anything that the main thread writes; `map` and
// `host` must live as long as the process.
void start_watchdog(const host::Host& host, const ProgressMap& map, int socket);

}  // namespace gpuward::probe
