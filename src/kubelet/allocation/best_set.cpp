#include "kubelet/allocation/best_set.h"

#include <algorithm>

#include "kubelet/allocation/best_partition.h"

namespace gpuward::kubelet::allocation {
namespace {

GpuSet set_of(const GpuScores& scores, const std::vector<size_t>& devices) {
  GpuSet out = 0;
  for (const size_t device : devices) out |= scores.bit(device);
  return out;
}

BestSet searched(const GpuScores& scores, const SetWish& wish) {
  const BestPartition found =
      best_partition(scores, {.available = set_of(scores, wish.available),
                              .required = set_of(scores, wish.required),
                              .size = static_cast<int>(wish.size)});
  BestSet out;
  for (const size_t device : wish.available) {
    if ((found.set & scores.bit(device)) != 0) out.devices.push_back(device);
  }
  return out;
}

BestSet searched_among_few(const GpuScores& scores, const SetWish& wish) {
  SetWish few{.size = wish.size};
  for (size_t i = 0; i < wish.available.size(); ++i) {
    few.available.push_back(i);
    if (std::ranges::binary_search(wish.required, wish.available[i])) {
      few.required.push_back(i);
    }
  }
  BestSet found = searched(scores.of_some(wish.available), few);
  for (size_t& device : found.devices) device = wish.available[device];
  return found;
}

int64_t to_all(const GpuScores& scores, size_t device,
               const std::vector<size_t>& set) {
  int64_t sum = 0;
  for (const size_t other : set) sum += scores.pair(device, other);
  return sum;
}

// Device by device, each time the one best connected to those taken.
std::vector<size_t> grown(const GpuScores& scores, const SetWish& wish,
                          std::vector<size_t> taken) {
  while (taken.size() < wish.size) {
    const size_t* best = nullptr;
    int64_t best_sum = -1;
    for (const size_t& device : wish.available) {
      if (std::ranges::find(taken, device) != taken.end()) continue;
      const int64_t sum = to_all(scores, device, taken);
      if (sum > best_sum) {
        best_sum = sum;
        best = &device;
      }
    }
    taken.push_back(*best);
  }
  return taken;
}

BestSet grown_from_each(const GpuScores& scores, const SetWish& wish) {
  std::vector<std::vector<size_t>> starts;
  if (wish.required.empty()) {
    for (const size_t device : wish.available) starts.push_back({device});
  } else {
    starts.push_back(wish.required);
  }
  BestSet best{.exact = false};
  int64_t best_sum = -1;
  for (std::vector<size_t>& start : starts) {
    std::vector<size_t> set = grown(scores, wish, std::move(start));
    int64_t sum = 0;
    for (const size_t device : set) sum += to_all(scores, device, set);
    if (sum <= best_sum) continue;
    best_sum = sum;
    best.devices = std::move(set);
  }
  std::ranges::sort(best.devices);
  return best;
}

}  // namespace

BestSet best_set(const GpuScores& scores, const SetWish& wish) {
  const size_t all = wish.available.size();
  if (wish.size == 0 || wish.size > all) return {};
  if (wish.required.size() > wish.size) return {};
  // Nothing to choose.
  if (wish.size == all) return {wish.available};
  if (wish.size == wish.required.size()) return {wish.required};
  if (wish.size == 1) return {{wish.available.front()}};
  if (all > GpuScores::kMostInSets) return grown_from_each(scores, wish);
  return scores.has_sets() ? searched(scores, wish)
                           : searched_among_few(scores, wish);
}

}  // namespace gpuward::kubelet::allocation
