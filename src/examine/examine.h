// The flow of the design, in order: sources → evidence → diagnosis. One set of
// functions for `doctor`, `status` and the agent.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/conclude.h"
#include "evidence/collect.h"
#include "host/host.h"
#include "model/container.h"
#include "model/snapshot.h"
#include "probe/survey.h"

namespace gpuward::examine {

// What the machine says without being probed.
struct Gathered : evidence::Collection {
  std::vector<Container> containers;  // those with NVIDIA devices
};

// All sources and the containers; their facts stand in `evidence`.
Gathered gather(const host::Host& host);

// Survey and host identity as one snapshot; without findings.
Snapshot to_snapshot(const host::Host& host, const probe::Survey& survey,
                     Wall now);

// Where a probe does not come back: who else sits in the driver. Takes up to
// 200 ms on a large machine; does nothing while the probes are well.
void add_other_tasks(Snapshot& snapshot, const host::Host& host);

// No PCI device, no module, no device node of NVIDIA and no container that was
// given one: nothing to probe. False where that could not be read.
bool has_no_nvidia_hardware(const Gathered& gathered);

// What a probe would be asked for, where none is to run (`why`: released, …).
Snapshot unprobed_snapshot(const host::Host& host, std::string why, Wall now);

// What was collected and probed, folded: what diagnosis works on.
diagnosis::State fold_all(const diagnosis::Catalogue& catalogue,
                          const evidence::Collection& collection,
                          const Snapshot& snapshot, Wall now);

// The pure stages over everything that was collected.
Diagnosis diagnose(const diagnosis::Catalogue& catalogue,
                   const evidence::Collection& collection,
                   const Snapshot& snapshot, Wall now);

// What the catalogue says of containers alone.
std::vector<Finding> diagnose_containers(
    const diagnosis::Catalogue& catalogue,
    const std::vector<Container>& containers);

}  // namespace gpuward::examine
