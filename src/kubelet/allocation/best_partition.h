// The search behind best_set(): go-gpuallocator's "best effort", exactly, in
// well under a millisecond where that looks at up to 22 million partitions.
//
// The available devices are divided into as many sets of the wanted size as
// there can be, and one smaller set of the rest. The total of a partition is
// the sum of its sets' scores. Wanted is, of the partitions with the highest
// total that have one set with all required devices, that set; without required
// ones the set with the highest score. So a pair is taken such that the pairs
// that are left are good as well.
//
// Ties, which go-gpuallocator leaves to the order of its input: of partitions
// with the same total that with the better set; of sets with the same score
// that which has the first device in which they differ.
//
// How: a greedy partition, improved by exchanging devices, is there from the
// start. Two sets or more are searched for from the best ones on, and all is
// dropped that cannot exceed the best total so far (two_sets.cpp,
// many_sets.cpp). The rare topologies for which that takes too long, of blocks
// that do not fit into each other, are gone through as a whole, which takes
// some milliseconds (all_partitions.cpp).
#pragma once

#include "kubelet/allocation/gpu_scores.h"

namespace gpuward::kubelet::allocation {

struct PartitionWish {
  GpuSet available = 0;
  GpuSet required = 0;  // a part of it
  int size = 0;  // at least 1 and that of `required`, at most all available
};

struct BestPartition {
  GpuSet set = 0;
  int total = 0;
  int steps = 0;  // of the search
};

// Only for scores that have sets. Pure.
BestPartition best_partition(const GpuScores& scores,
                             const PartitionWish& wish);

}  // namespace gpuward::kubelet::allocation
