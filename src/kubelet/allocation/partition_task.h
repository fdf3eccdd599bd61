// For the searches of best_partition.h: what a partition can be made of, a good
// one to begin with, and the least that dividing devices costs.
#pragma once

#include <optional>
#include <vector>

#include "kubelet/allocation/best_partition.h"
#include "kubelet/allocation/scored_set.h"
#include "kubelet/allocation/twins.h"

namespace gpuward::kubelet::allocation {

struct PartitionTask {
  const GpuScores& scores;
  PartitionWish wish;
  Twins twins;
  int sets = 0;                   // of full size
  int rest = 0;                   // devices in the smaller set
  std::vector<ScoredSet> first;   // sets that hold the required devices
  std::vector<ScoredSet> others;  // sets of others, where some are required
  std::vector<ScoredSet> rests;   // smaller sets; the empty one where rest is 0
  // Scores of pairs, ascending: of all devices, and of those not required.
  std::vector<int> pairs, free_pairs;

  bool has_required() const { return wish.required != 0; }
  int score(GpuSet set) const { return scores.of(set); }
  // What all sets but the first are taken from.
  const std::vector<ScoredSet>& later() const {
    return has_required() ? others : first;
  }
};

PartitionTask task_of(const GpuScores& scores, const PartitionWish& wish);

// Each time the best set of what is left; then devices are exchanged for as
// long as that is better.
BestPartition good_partition(const PartitionTask& task);

// At least so much of their score is lost when devices, of which those are the
// pairs, are divided into so many sets of full size and the rest.
int least_cut(const PartitionTask& task, const std::vector<int>& pairs,
              int sets);

// The searches: the first is for two sets and a rest that is not empty, the
// second for three sets or more. For nearly all topologies they look at few
// partitions; where it gets too many they give up and give nothing.
std::optional<BestPartition> search_two_sets(PartitionTask task,
                                             BestPartition good);
std::optional<BestPartition> search_many_sets(PartitionTask task,
                                              BestPartition good);
// Never gives up, and takes some milliseconds at most.
BestPartition search_all(const PartitionTask& task, const BestPartition& good);

}  // namespace gpuward::kubelet::allocation
