#include "kubelet/allocation/partition_task.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace gpuward::kubelet::allocation {
namespace {

// The best set of what is left, then of what is left of that, …, and the rest.
std::vector<GpuSet> greedy(const PartitionTask& task) {
  std::vector<GpuSet> out;
  GpuSet left = task.wish.available;
  for (int i = 0; i < task.sets; ++i) {
    ScoredSet best;
    for (const ScoredSet& each : i == 0 ? task.first : task.later()) {
      const bool fits = (each.set & left) == each.set;
      if (fits && (best.set == 0 || is_better(each, best))) best = each;
    }
    out.push_back(best.set);
    left ^= best.set;
  }
  out.push_back(left);
  return out;
}

// One device of each for one of the other, where that is better for both
// together. Required devices stay.
bool exchange(const PartitionTask& task, GpuSet& left, GpuSet& right) {
  const int now = task.score(left) + task.score(right);
  for (GpuSet i = left & ~task.wish.required; i != 0; i &= i - 1) {
    for (GpuSet j = right & ~task.wish.required; j != 0; j &= j - 1) {
      const GpuSet both = (i & -i) | (j & -j);
      if (task.score(left ^ both) + task.score(right ^ both) > now) {
        left ^= both;
        right ^= both;
        return true;
      }
    }
  }
  return false;
}

void improve(const PartitionTask& task, std::vector<GpuSet>& sets) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < sets.size(); ++i) {
      for (size_t j = i + 1; j < sets.size(); ++j) {
        changed = exchange(task, sets[i], sets[j]) || changed;
      }
    }
  }
}

std::vector<int> pair_scores(const GpuScores& scores, GpuSet devices) {
  std::vector<int> out;
  for (const ScoredSet& pair : list_sets(scores, devices, 0, 2)) {
    out.push_back(pair.score);
  }
  std::ranges::sort(out);
  return out;
}

int pairs_within(int devices) { return devices * (devices - 1) / 2; }

}  // namespace

PartitionTask task_of(const GpuScores& scores, const PartitionWish& wish) {
  const int available = std::popcount(wish.available);
  const GpuSet free = wish.available & ~wish.required;
  PartitionTask out{.scores = scores,
                    .wish = wish,
                    .twins = Twins(scores, wish.available, free),
                    .sets = available / wish.size,
                    .rest = available % wish.size};
  const int missing = wish.size - std::popcount(wish.required);
  out.first = list_sets(scores, free, wish.required, missing);
  out.rests = list_sets(scores, free, 0, out.rest);
  if (out.has_required()) out.others = list_sets(scores, free, 0, wish.size);
  out.pairs = pair_scores(scores, wish.available);
  out.free_pairs = pair_scores(scores, free);
  return out;
}

BestPartition good_partition(const PartitionTask& task) {
  std::vector<GpuSet> sets = greedy(task);
  improve(task, sets);
  BestPartition out;
  for (const GpuSet each : sets) out.total += task.score(each);
  sets.pop_back();  // the rest
  for (const GpuSet each : sets) {
    if ((each & task.wish.required) != task.wish.required) continue;
    const ScoredSet best{task.score(out.set), out.set};
    if (is_better({task.score(each), each}, best)) out.set = each;
  }
  return out;
}

int least_cut(const PartitionTask& task, const std::vector<int>& pairs,
              int sets) {
  const int size = task.wish.size;
  const int cut = pairs_within(sets * size + task.rest) -
                  sets * pairs_within(size) - pairs_within(task.rest);
  return std::accumulate(pairs.begin(), pairs.begin() + cut, 0);
}

}  // namespace gpuward::kubelet::allocation
