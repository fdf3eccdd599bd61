// Three sets of full size or more.
//
// Partitions are built from their best set downwards, through lists that are
// sorted by score. What is open of one is bounded twice: by the score of the
// set that was taken last (those to come are no better), and by the score of
// all open devices together, less the least that dividing them must cut. What
// cannot exceed the best total so far is dropped.
#include <algorithm>
#include <array>
#include <span>

#include "kubelet/allocation/partition_task.h"

namespace gpuward::kubelet::allocation {
namespace {

constexpr int kMostSteps = 8'000;
constexpr size_t kMostSets = GpuScores::kMostInSets / 2;

class Search {
 public:
  Search(PartitionTask task, BestPartition good);
  std::optional<BestPartition> run();

 private:
  void drop_hopeless();
  int limit(GpuSet open, int sets) const;
  void divide(GpuSet open, int sets, int total,
              std::span<const ScoredSet> worse);
  void list_fitting(GpuSet open, int sets, int total,
                    std::span<const ScoredSet> worse,
                    std::vector<ScoredSet>& out) const;
  void leave_rest(GpuSet open, GpuSet from, GpuSet rest, int missing,
                  int total);
  void consider(int total);

  PartitionTask task_;
  const int best_later_, best_rest_;
  std::array<int, kMostSets> cut_{};  // the least, by the number of open sets
  std::array<std::vector<ScoredSet>, kMostSets> fitting_;
  int to_beat_;
  GpuSet first_ = 0;  // of the partition that is built
  BestPartition best_;
};

Search::Search(PartitionTask task, BestPartition good)
    : task_(std::move(task)),
      best_later_(best_score(task_.later())),
      best_rest_(best_score(task_.rests)),
      // Its total is found again, with the set that wins the ties.
      to_beat_(good.total - 1),
      best_(good) {
  for (int sets = 1; sets < task_.sets; ++sets) {
    cut_[static_cast<size_t>(sets)] = least_cut(task_, task_.free_pairs, sets);
  }
}

// No partition of `open` into that many sets and the rest has a higher total.
int Search::limit(GpuSet open, int sets) const {
  return task_.score(open) - cut_[static_cast<size_t>(sets)];
}

void Search::drop_hopeless() {
  const int more = task_.sets - 1;
  const int best_first = best_score(task_.first);
  std::erase_if(task_.first, [&](const ScoredSet& each) {
    // Without required devices it may be any but the last one as well.
    const int with = task_.has_required()
                         ? more * best_later_
                         : (more - 1) * best_first + each.score;
    return each.score + with + best_rest_ <= to_beat_ ||
           each.score + limit(task_.wish.available ^ each.set, more) <=
               to_beat_;
  });
  std::erase_if(task_.others, [&](const ScoredSet& each) {
    return best_first + (more - 2) * best_later_ + 2 * each.score +
               best_rest_ <=
           to_beat_;
  });
  std::ranges::sort(task_.first, is_better);
  std::ranges::sort(task_.others, is_better);
}

// Partitions of `open` into that many sets out of `worse`, and the rest.
void Search::divide(GpuSet open, int sets, int total,
                    std::span<const ScoredSet> worse) {
  if (++best_.steps > kMostSteps) return;
  if (sets == 1) return leave_rest(open, open, 0, task_.rest, total);
  std::vector<ScoredSet>& fitting = fitting_[static_cast<size_t>(sets)];
  list_fitting(open, sets, total, worse, fitting);
  for (size_t i = 0; i < fitting.size(); ++i) {
    const ScoredSet next = fitting[i];
    if (total + sets * next.score + best_rest_ <= to_beat_) return;
    const GpuSet then = open ^ next.set;
    if (total + next.score + limit(then, sets - 1) <= to_beat_) continue;
    if (!task_.twins.has_first(next.set, open)) continue;
    divide(then, sets - 1, total + next.score,
           std::span<const ScoredSet>(fitting).subspan(i + 1));
  }
}

// The sets that may be any but the last one in a better partition.
void Search::list_fitting(GpuSet open, int sets, int total,
                          std::span<const ScoredSet> worse,
                          std::vector<ScoredSet>& out) const {
  out.clear();
  const int best = worse.empty() ? 0 : worse.front().score;
  const int base = total + (sets - 2) * best + best_rest_;
  for (const ScoredSet& each : worse) {
    if (base + 2 * each.score <= to_beat_) return;
    if ((each.set & open) == each.set) out.push_back(each);
  }
}

// The last set: what is left of `open` without the rest, in every way.
void Search::leave_rest(GpuSet open, GpuSet from, GpuSet rest, int missing,
                        int total) {
  if (missing == 0) return consider(total + task_.score(open));
  for (; from != 0; from &= from - 1) {
    const GpuSet with = rest | (from & -from);
    if (missing > 1) {
      leave_rest(open, from & (from - 1), with, missing - 1, total);
    } else {
      consider(total + task_.score(open ^ with) + task_.score(with));
    }
  }
}

void Search::consider(int total) {
  if (total <= to_beat_) return;
  to_beat_ = total;
  best_.total = total;
  best_.set = first_;
}

std::optional<BestPartition> Search::run() {
  drop_hopeless();
  const int more = task_.sets - 1;
  for (size_t i = 0; i < task_.first.size(); ++i) {
    const ScoredSet first = task_.first[i];
    const int later = task_.has_required() ? best_later_ : first.score;
    if (first.score + more * later + best_rest_ <= to_beat_) break;
    const GpuSet open = task_.wish.available ^ first.set;
    if (first.score + limit(open, more) <= to_beat_) continue;
    if (!task_.twins.has_first(first.set, task_.wish.available)) continue;
    first_ = first.set;
    const std::span<const ScoredSet> worse(task_.later());
    divide(open, more, first.score,
           worse.subspan(task_.has_required() ? 0 : i + 1));
  }
  if (best_.steps > kMostSteps) return std::nullopt;
  return best_;
}

}  // namespace

std::optional<BestPartition> search_many_sets(PartitionTask task,
                                              BestPartition good) {
  return Search(std::move(task), good).run();
}

}  // namespace gpuward::kubelet::allocation
