// For the searches of best_partition.h: sets of GPUs, listed and compared.
#pragma once

#include <vector>

#include "kubelet/allocation/gpu_scores.h"

namespace gpuward::kubelet::allocation {

struct ScoredSet {
  int score = 0;
  GpuSet set = 0;
};

// A higher score; with the same, the first device in which they differ.
inline bool is_better(const ScoredSet& left, const ScoredSet& right) {
  if (left.score != right.score) return left.score > right.score;
  return left.set > right.set;
}

// Every set of `chosen` and `missing` devices out of `open`.
std::vector<ScoredSet> list_sets(const GpuScores& scores, GpuSet open,
                                 GpuSet chosen, int missing);

// How many sets of `some` devices there are; 0 where `of` is less.
int ways_to_choose(int some, int of);

// 0 where there is none.
int best_score(const std::vector<ScoredSet>& sets);

}  // namespace gpuward::kubelet::allocation
