// How a verb gets to know the node: from a running agent, else by a probe of
// its own with the same code.
#pragma once

#include <functional>

#include "cli/options.h"
#include "host/host.h"
#include "model/snapshot.h"
#include "probe/survey.h"

namespace gpuward::cli {

Result<host::Host> open_host(const Common& common);

struct Look {
  Snapshot snapshot;
  bool from_agent = false;
};

// Fresh readings of the node, after at most `patience` and a second.
Look look_at(const host::Host& host, Millis patience,
             const probe::OnWait& on_wait);

}  // namespace gpuward::cli
