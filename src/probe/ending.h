// Ending a prober that does not come back, by the state it is in (design, law
// 2): a SIGKILL at the wrong moment has frozen GPUs (reference: dcgm-exporter
// issue 84), so what is inside the kernel is left alone and stays as the
// canary.
#pragma once

#include <optional>

#include "base/time.h"
#include "host/host.h"
#include "model/snapshot.h"

namespace gpuward::probe {

// True for a task that only waits or loops in user space: state S, or R with
// its time spent outside the kernel.
bool may_be_ended(const StuckTask& task);

// SIGTERM, then SIGKILL after `grace`, each after another look at its state and
// identity. True once it is gone; false where it is left alone or still going.
// Waits at most twice `grace`, and where `seen` (how the task stood a moment
// ago) is not given, as long as it takes to tell user space from kernel.
bool end_prober(const host::Host& host, int pid, uint64_t start_time,
                Millis grace,
                const std::optional<StuckTask>& seen = std::nullopt);

}  // namespace gpuward::probe
