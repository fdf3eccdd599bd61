#include "kubelet/allocation/gpu_scores.h"

namespace gpuward::kubelet::allocation {
namespace {

// The scores of all sets of the last devices, so many, are there: those of the
// sets with one more device follow.
void append_with_next(const PairScores& pairs, size_t there,
                      std::vector<int>& added, std::vector<int>& scores) {
  const size_t last = pairs.devices() - 1;
  for (size_t other = 0; other < there; ++other) {
    const int pair = pairs.of(last - there, last - other);
    const size_t count = size_t{1} << other;
    int* const from = added.data();
    for (size_t set = 0; set < count; ++set)
      from[count + set] = from[set] + pair;
  }
  const size_t count = size_t{1} << there;
  int* const from = scores.data();
  for (size_t set = 0; set < count; ++set) {
    from[count + set] = from[set] + added[set];
  }
}

}  // namespace

GpuScores::GpuScores(PairScores pairs) : pairs_(std::move(pairs)) {
  if (!has_sets()) return;
  const size_t count = size_t{1} << devices();
  sets_.resize(count);
  std::vector<int> added(count / 2 + 1);  // what a device adds to each set
  for (size_t there = 0; there < devices(); ++there) {
    append_with_next(pairs_, there, added, sets_);
  }
}

GpuScores GpuScores::of_some(const std::vector<size_t>& devices) const {
  PairScores some(devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      some.set(i, j, pairs_.of(devices[i], devices[j]));
    }
  }
  return GpuScores(std::move(some));
}

}  // namespace gpuward::kubelet::allocation
