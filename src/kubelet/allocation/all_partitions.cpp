// All partitions, each part of them once: what is the best of the devices that
// are left is kept, by the set of these devices. That is 10,000 sets to look at
// for pairs of 16 devices and up to 840,000 for other sizes, whatever the
// topology.
#include <algorithm>
#include <bit>

#include "kubelet/allocation/partition_task.h"

namespace gpuward::kubelet::allocation {
namespace {

// The total of a partition and the best of its full sets as one number, the
// more the better. Scores have less than 24 bits: 120 pairs of 100,000.
static_assert(120LL * PairScores::kMost < 1 << 24);
using Packed = uint64_t;
constexpr int kTotalAt = 40;
constexpr int kScoreAt = 16;

Packed packed(int total) { return static_cast<Packed>(total) << kTotalAt; }
Packed packed(const ScoredSet& best) {
  return static_cast<Packed>(best.score) << kScoreAt | best.set;
}
int total_of(Packed value) { return static_cast<int>(value >> kTotalAt); }
Packed set_of(Packed value) { return value & (packed(1) - 1); }

class Search {
 public:
  Search(const PartitionTask& task, const BestPartition& good);
  BestPartition run();

 private:
  // What is being divided: its first device goes into each set that is tried.
  struct Division {
    GpuSet open = 0;
    int devices = 0;  // in `open` without the set that is tried
    bool is_rest = false;
    Packed best = 0;
  };
  Packed best_of(GpuSet open, int devices);
  void choose(Division& division, GpuSet from, GpuSet chosen, int missing);
  void try_set(Division& division, GpuSet set);
  void begin_with(const ScoredSet& set, bool is_rest);

  const PartitionTask& task_;
  const int size_;
  const int cut_;              // at least, of what is left by the first set
  const ScoredSet most_;       // of all first sets
  std::vector<Packed> known_;  // by what is open, one more; 0: not known
  Packed best_;
  int steps_;
};

ScoredSet best_first(const PartitionTask& task) {
  return *std::ranges::min_element(task.first, is_better);
}

Search::Search(const PartitionTask& task, const BestPartition& good)
    : task_(task),
      size_(task.wish.size),
      cut_(least_cut(task, task.free_pairs, task.sets - 1)),
      most_(best_first(task)),
      known_(std::bit_ceil(task.wish.available + 1)),
      best_(packed(good.total) | packed({task.score(good.set), good.set})),
      steps_(good.steps) {}

Packed Search::best_of(GpuSet open, int devices) {
  if (devices == task_.rest) return packed(task_.score(open));
  if (devices == size_) {
    const int score = task_.score(open);
    const GpuSet named = task_.twins.with_first(open, task_.wish.available);
    return packed(score) | packed({score, named});
  }
  if (known_[open] != 0) return known_[open] - 1;
  const GpuSet first = std::bit_floor(open);
  Division division{.open = open, .devices = devices - size_};
  choose(division, open ^ first, first, size_ - 1);
  if (task_.rest > 0 && devices % size_ == task_.rest) {
    division.devices = devices - task_.rest;
    division.is_rest = true;
    choose(division, open ^ first, first, task_.rest - 1);
  }
  known_[open] = division.best + 1;
  return division.best;
}

// Tries each set of `chosen` and `missing` devices out of `from`.
void Search::choose(Division& division, GpuSet from, GpuSet chosen,
                    int missing) {
  if (missing == 0) return try_set(division, chosen);
  for (; from != 0; from &= from - 1) {
    const GpuSet with = chosen | (from & -from);
    if (missing == 1) {
      try_set(division, with);
    } else {
      choose(division, from & (from - 1), with, missing - 1);
    }
  }
}

void Search::try_set(Division& division, GpuSet set) {
  if (!task_.twins.has_first(set, division.open)) return;
  ++steps_;
  const Packed others = best_of(division.open ^ set, division.devices);
  const int score = task_.score(set);
  const int total = total_of(others) + score;
  if (total < total_of(division.best)) return;
  const GpuSet named = task_.twins.with_first(set, task_.wish.available);
  const Packed own = division.is_rest ? 0 : packed({score, named});
  division.best =
      std::max(division.best, packed(total) | std::max(own, set_of(others)));
}

void Search::begin_with(const ScoredSet& set, bool is_rest) {
  ++steps_;
  const GpuSet open = task_.wish.available ^ set.set;
  const bool is_named = task_.has_required();  // it is what will be chosen
  const int cut = is_rest ? 0 : cut_;
  const Packed most = packed(set.score + task_.score(open) - cut) |
                      packed(is_named ? set : most_);
  if (most <= best_) return;
  if (!task_.twins.has_first(set.set, task_.wish.available)) return;
  const Packed others = best_of(open, std::popcount(open));
  const Packed own = is_rest ? 0 : packed(set);
  best_ = std::max(best_, packed(total_of(others) + set.score) |
                              (is_named ? own : std::max(own, set_of(others))));
}

BestPartition Search::run() {
  const GpuSet first = std::bit_floor(task_.wish.available);
  const auto may = [&](const ScoredSet& set) {
    return task_.has_required() || (set.set & first) != 0;
  };
  for (const ScoredSet& set : task_.first) {
    if (may(set)) begin_with(set, false);
  }
  // Without required devices the first device may be in the rest as well.
  for (const ScoredSet& set : task_.rests) {
    if (!task_.has_required() && may(set)) begin_with(set, true);
  }
  return {.set = static_cast<GpuSet>(best_ & (packed(1) - 1)) & 0xffff,
          .total = total_of(best_),
          .steps = steps_};
}

}  // namespace

BestPartition search_all(const PartitionTask& task, const BestPartition& good) {
  return Search(task, good).run();
}

}  // namespace gpuward::kubelet::allocation
