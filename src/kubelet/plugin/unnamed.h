// GPUs that are there and have never told their UUID: the driver has hung since
// the machine was started, or the GPU was lost before anybody asked it. They
// cannot be handed out, but the kubelet is told of them, as unhealthy: capacity
// that is missing without a word is the worst of answers.
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet::plugin {

// `snapshot`: the newest, or nullptr. Where the inventory knows no GPU at all
// these are all that the driver has bound; else those of which the snapshot
// says that they do not answer. Under the MIG strategy "single" only the
// former: what is not known to be of the same kind would spoil the others'
// name.
std::vector<KnownGpu> unnamed_gpus(const Inventory& inventory,
                                   const Snapshot* snapshot,
                                   const BusPlaces& places,
                                   MigStrategy strategy);

// "unnamed-0000:0f:00.0"
inline constexpr std::string_view kUnnamed = "unnamed-";

}  // namespace gpuward::kubelet::plugin
