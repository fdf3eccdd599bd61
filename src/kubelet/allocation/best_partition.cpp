#include "kubelet/allocation/best_partition.h"

#include <bit>

#include "kubelet/allocation/partition_task.h"

namespace gpuward::kubelet::allocation {
namespace {

// The set decides: what is left is the rest, or the other set.
BestPartition set_and_remainder(const GpuScores& scores,
                                const PartitionWish& wish) {
  const auto sets =
      list_sets(scores, wish.available & ~wish.required, wish.required,
                wish.size - std::popcount(wish.required));
  BestPartition best{.total = -1, .steps = static_cast<int>(sets.size())};
  for (const ScoredSet& each : sets) {
    const int total = each.score + scores.of(wish.available ^ each.set);
    if (total < best.total) continue;
    if (total > best.total ||
        is_better(each, {scores.of(best.set), best.set})) {
      best.total = total;
      best.set = each.set;
    }
  }
  return best;
}

}  // namespace

BestPartition best_partition(const GpuScores& scores,
                             const PartitionWish& wish) {
  if (wish.size == 1) {
    const bool named = wish.required != 0;
    return {.set = named ? wish.required : std::bit_floor(wish.available)};
  }
  const int available = std::popcount(wish.available);
  if (available <= 2 * wish.size) return set_and_remainder(scores, wish);
  PartitionTask task = task_of(scores, wish);
  const BestPartition good = good_partition(task);
  const auto found = task.sets == 2 ? search_two_sets(std::move(task), good)
                                    : search_many_sets(std::move(task), good);
  return found ? *found : search_all(task_of(scores, wish), good);
}

}  // namespace gpuward::kubelet::allocation
