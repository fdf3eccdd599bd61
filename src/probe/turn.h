// The driver for ourselves, for as long as a few questions take.
#pragma once

#include "probe/ask_files.h"

namespace gpuward::probe {

// ask_files, also where an agent's healthy prober holds the driver: the agent
// is asked to let go of it by a release of our own (release.h), which ends
// with the asking, or by itself if we die. Meanwhile nobody else probes: there
// is one prober, as ever (law 2). Error::busy where the one that is there
// hangs, where somebody has released the driver, or who holds it is no agent.
Result<FilesAsked> ask_in_turn(const host::Host& host,
                               const std::vector<Request>& requests,
                               Millis patience, double factor);

}  // namespace gpuward::probe
