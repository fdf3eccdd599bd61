#include "kubelet/allocation/scored_set.h"

#include <algorithm>

namespace gpuward::kubelet {

void list_sets(const GpuScores& scores, GpuSet open, GpuSet chosen, int missing,
               std::vector<ScoredSet>& out) {
  if (missing == 0) return out.push_back({scores.of(chosen), chosen});
  for (; open != 0; open &= open - 1) {
    const GpuSet device = open & -open;
    if (missing == 1) {
      out.push_back({scores.of(chosen | device), chosen | device});
    } else {
      list_sets(scores, open ^ device, chosen | device, missing - 1, out);
    }
  }
}

int best_score(const std::vector<ScoredSet>& sets) {
  int best = 0;
  for (const ScoredSet& each : sets) best = std::max(best, each.score);
  return best;
}

}  // namespace gpuward::kubelet
