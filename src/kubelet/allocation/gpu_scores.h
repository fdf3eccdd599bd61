// PairScores, and from them the score of every set of GPUs: the sum of the
// scores of its pairs. Computed once, looked up often.
//
// Thread: any; it does not change.
#pragma once

#include <cstdint>
#include <vector>

#include "kubelet/allocation/topology.h"

namespace gpuward::kubelet::allocation {

// A bit for each device; the first one has the highest, so that of two sets of
// the same size the greater number has the first device in which they differ.
using GpuSet = uint32_t;

class GpuScores {
 public:
  // Above it no sets are scored: 2^16 numbers are 256 KiB.
  static constexpr size_t kMostInSets = 16;

  GpuScores() : GpuScores(PairScores(size_t{0})) {}
  explicit GpuScores(PairScores pairs);

  size_t devices() const { return pairs_.devices(); }
  int pair(size_t left, size_t right) const { return pairs_.of(left, right); }
  bool has_sets() const { return devices() <= kMostInSets; }
  // Only where it has sets, and of its devices.
  GpuSet bit(size_t device) const {
    return GpuSet{1} << (devices() - 1 - device);
  }
  int of(GpuSet set) const { return sets_[set]; }

  // Those of some devices, numbered as they are given.
  GpuScores of_some(const std::vector<size_t>& devices) const;

 private:
  PairScores pairs_;
  std::vector<int> sets_;
};

}  // namespace gpuward::kubelet::allocation
