// Which replicas, or which MIG devices, a container had best be given: here the
// GPU that each belongs to counts, and how much of it is taken already.
//
// Pure and deterministic: what is left to chance by NVIDIA's device plugin goes
// to the first in the order of the devices.
#pragma once

#include <cstddef>
#include <vector>

namespace gpuward::kubelet::allocation {

enum class Placement { distributed, packed };

struct ShareWish {
  // Of each device of the resource: the number of its group, from 0.
  const std::vector<int>& groups;
  std::vector<size_t> candidates;  // available, not required; ascending
  std::vector<size_t> required;
  size_t wanted = 0;  // beside those required; at most all candidates
};

// Groups are what the replicas are replicas of. As NVIDIA's device plugin, one
// by one: distributed takes it from the group of which the fewest devices are
// given away, packed from that of which the most are. A device is given away
// if it is not among the candidates, or was picked here. On a tie the group
// that was picked from least here, then the first.
std::vector<size_t> pick_replicas(const ShareWish& wish, Placement placement);

// Groups are GPUs. NVIDIA's plugin picks MIG devices by chance; our rule:
//
//   packed       as few GPUs as possible in this answer, the required devices'
//                GPUs first; a GPU that just suffices before an emptier one, so
//                that empty GPUs stay empty
//   distributed  as many GPUs as possible in this answer; among equals the one
//                of which the fewest devices are given away
std::vector<size_t> pick_mig(const ShareWish& wish, Placement placement);

}  // namespace gpuward::kubelet::allocation
