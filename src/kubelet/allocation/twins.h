// For the searches of best_partition.h: twins are GPUs that are connected alike
// to all others, as two below one switch are. Partitions in which twins have
// changed places are equally good, and one of them is enough: that in which
// each set has the first twins of those that were left to it.
#pragma once

#include <vector>

#include "kubelet/allocation/gpu_scores.h"

namespace gpuward::kubelet::allocation {

class Twins {
 public:
  // Among `free` devices, seen from all available ones.
  Twins(const GpuScores& scores, GpuSet available, GpuSet free);

  // Whether the set, a part of `open`, has the first of its twins in there.
  bool has_first(GpuSet set, GpuSet open) const {
    for (const GpuSet family : families_) {
      const GpuSet taken = set & family;
      if (taken != 0 && (open & family & ~set) > (taken & -taken)) return false;
    }
    return true;
  }
  // The set with the first twins of `open` in the place of those it has.
  GpuSet with_first(GpuSet set, GpuSet open) const;

 private:
  std::vector<GpuSet> families_;  // each of two devices at least
};

}  // namespace gpuward::kubelet::allocation
