#include "kubelet/allocation/scored_set.h"

#include <algorithm>
#include <bit>

namespace gpuward::kubelet::allocation {

namespace {

// `out` has room for all of them.
void list(const GpuScores& scores, GpuSet open, GpuSet chosen, int missing,
          ScoredSet*& out) {
  for (; open != 0; open &= open - 1) {
    const GpuSet device = open & -open;
    if (missing == 1) {
      *out++ = {scores.of(chosen | device), chosen | device};
    } else {
      list(scores, open & (open - 1), chosen | device, missing - 1, out);
    }
  }
}

}  // namespace

int ways_to_choose(int some, int of) {
  int out = 1;
  for (int i = 1; i <= some; ++i) out = out * (of - some + i) / i;
  return out;
}

std::vector<ScoredSet> list_sets(const GpuScores& scores, GpuSet open,
                                 GpuSet chosen, int missing) {
  if (missing == 0) return {{scores.of(chosen), chosen}};
  const int count = ways_to_choose(missing, std::popcount(open));
  std::vector<ScoredSet> out(static_cast<size_t>(count));
  ScoredSet* end = out.data();
  list(scores, open, chosen, missing, end);
  return out;
}

int best_score(const std::vector<ScoredSet>& sets) {
  int best = 0;
  for (const ScoredSet& each : sets) best = std::max(best, each.score);
  return best;
}

}  // namespace gpuward::kubelet::allocation
