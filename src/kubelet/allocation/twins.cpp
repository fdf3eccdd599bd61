#include "kubelet/allocation/twins.h"

#include <algorithm>
#include <bit>

namespace gpuward::kubelet::allocation {
namespace {

bool are_twins(const GpuScores& scores, GpuSet available, GpuSet one,
               GpuSet other) {
  // The score of a pair is that of the set.
  for (GpuSet rest = available & ~(one | other); rest != 0; rest &= rest - 1) {
    const GpuSet third = rest & -rest;
    if (scores.of(one | third) != scores.of(other | third)) return false;
  }
  return true;
}

}  // namespace

Twins::Twins(const GpuScores& scores, GpuSet available, GpuSet free) {
  while (free != 0) {
    const GpuSet first = std::bit_floor(free);
    GpuSet family = first;
    for (GpuSet rest = free ^ first; rest != 0; rest &= rest - 1) {
      const GpuSet other = rest & -rest;
      if (are_twins(scores, available, first, other)) family |= other;
    }
    if (family != first) families_.push_back(family);
    free &= ~family;
  }
}

GpuSet Twins::with_first(GpuSet set, GpuSet open) const {
  for (const GpuSet family : families_) {
    GpuSet twins = open & family;
    GpuSet first = 0;
    for (GpuSet taken = set & family; taken != 0; taken &= taken - 1) {
      first |= std::bit_floor(twins);
      twins ^= std::bit_floor(twins);
    }
    set = (set & ~family) | first;
  }
  return set;
}

}  // namespace gpuward::kubelet::allocation
