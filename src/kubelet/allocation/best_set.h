// Which GPUs a container had best be given: best_partition.h says which set is
// the best one. Exact for up to 16 available GPUs; of more a good set is grown.
//
// Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "kubelet/allocation/gpu_scores.h"

namespace gpuward::kubelet::allocation {

struct SetWish {
  std::vector<size_t> available;  // ascending
  std::vector<size_t> required;   // ascending, all of them available
  size_t size = 0;
};

struct BestSet {
  std::vector<size_t> devices;  // ascending
  bool exact = true;
};

// Of one device each has the same score, and the first is taken. Empty where
// there is no such set: size 0, fewer available, more required.
BestSet best_set(const GpuScores& scores, const SetWish& wish);

}  // namespace gpuward::kubelet::allocation
