// Two sets of full size and a rest: A, B and C.
//
// In a partition that is better than another one, A, B or C has a better score
// than in that one. So all three lists are gone through from the best
// downwards; with each set all partitions that hold it are looked at. That can
// end when the best scores that are left make no better total together. The
// list next in turn is that which has cost least so far.
#include <algorithm>
#include <bit>

#include "kubelet/allocation/partition_task.h"

namespace gpuward::kubelet::allocation {
namespace {

// In partitions looked at.
constexpr int64_t kMostSpent = 400'000;
constexpr int64_t kOfSkipping = 20;

// Its best set comes first; the others in no order.
class Source {
 public:
  Source(std::vector<ScoredSet>& sets, int least_cut, int64_t ways_each)
      : cut(least_cut), ways(ways_each), sets_(sets) {
    std::ranges::make_heap(sets_, is_worse);
  }

  bool empty() const { return sets_.empty(); }
  const ScoredSet& best() const { return sets_.front(); }
  ScoredSet take() {
    std::ranges::pop_heap(sets_, is_worse);
    const ScoredSet out = sets_.back();
    sets_.pop_back();
    return out;
  }

  const int cut;  // the least that dividing the other two costs
  const int64_t ways;
  int64_t spent = 0;

 private:
  static bool is_worse(const ScoredSet& left, const ScoredSet& right) {
    return is_better(right, left);
  }
  std::vector<ScoredSet>& sets_;
};

class Search {
 public:
  Search(PartitionTask task, BestPartition good);
  std::optional<BestPartition> run();

 private:
  bool is_over() const;
  bool is_hopeless(int total, const ScoredSet& with) const;
  Source& next_source();
  void look_at(Source& source, const ScoredSet& set);
  void divide(GpuSet from, GpuSet chosen, int missing);
  void try_each(GpuSet from, GpuSet chosen);
  void consider(int total, GpuSet one, GpuSet other);

  PartitionTask task_;
  Source first_, other_, rest_;
  ScoredSet given_;  // what was taken from a source
  GpuSet open_ = 0;  // what is left with it
  BestPartition best_;
};

Search::Search(PartitionTask task, BestPartition good)
    : task_(std::move(task)),
      first_(task_.first, least_cut(task_, task_.free_pairs, 1),
             ways_to_choose(task_.rest, task_.wish.size + task_.rest)),
      other_(task_.others, least_cut(task_, task_.pairs, 1), first_.ways),
      rest_(task_.rests, 0,
            ways_to_choose(task_.wish.size - 1, 2 * task_.wish.size - 1)),
      best_(good) {}

// Whether a partition with that total cannot be preferred to the best one,
// if its set is `with` at best.
bool Search::is_hopeless(int total, const ScoredSet& with) const {
  if (total != best_.total) return total < best_.total;
  return !is_better(with, {task_.score(best_.set), best_.set});
}

bool Search::is_over() const {
  const Source& second = task_.has_required() ? other_ : first_;
  if (first_.empty() || second.empty() || rest_.empty()) return true;
  const int most =
      first_.best().score + second.best().score + rest_.best().score;
  return is_hopeless(most, first_.best());
}

Source& Search::next_source() {
  Source& sets =
      task_.has_required() && other_.spent < first_.spent ? other_ : first_;
  return rest_.spent < sets.spent ? rest_ : sets;
}

void Search::look_at(Source& source, const ScoredSet& set) {
  given_ = set;
  open_ = task_.wish.available ^ set.set;
  const int most = set.score + task_.score(open_) - source.cut;
  if (is_hopeless(most, &source == &first_ ? set : first_.best()) ||
      !task_.twins.has_first(set.set, task_.wish.available)) {
    source.spent += kOfSkipping;
    return;
  }
  source.spent += source.ways;
  const GpuSet free = open_ & ~task_.wish.required;
  if (&source != &rest_) return divide(free, 0, task_.rest);
  // Of two sets without required devices one has the first device.
  const GpuSet chosen = task_.has_required() ? 0 : std::bit_floor(open_);
  divide(free ^ chosen, chosen, task_.wish.size - std::popcount(chosen));
}

// Nearly all time is spent here: what does not change is held in registers.
void Search::try_each(GpuSet from, GpuSet chosen) {
  const GpuScores& scores = task_.scores;
  const GpuSet open = open_;
  const int least = best_.total - given_.score;
  for (; from != 0; from &= from - 1) {
    const GpuSet with = chosen | (from & -from);
    const int total = scores.of(with) + scores.of(open ^ with);
    if (total >= least) consider(given_.score + total, with, open ^ with);
  }
}

// `chosen` and `missing` more out of `from`, against all others that are open.
void Search::divide(GpuSet from, GpuSet chosen, int missing) {
  if (missing == 1) return try_each(from, chosen);
  for (; from != 0; from &= from - 1) {
    divide(from & (from - 1), chosen | (from & -from), missing - 1);
  }
}

void Search::consider(int total, GpuSet one, GpuSet other) {
  for (const GpuSet set : {given_.set, one, other}) {
    const bool may = std::popcount(set) == task_.wish.size &&
                     (set & task_.wish.required) == task_.wish.required;
    if (!may) continue;
    // Its twins may have changed places with those of other sets.
    const GpuSet first = task_.twins.with_first(set, task_.wish.available);
    if (is_hopeless(total, {task_.score(first), first})) continue;
    best_.total = total;
    best_.set = first;
  }
}

std::optional<BestPartition> Search::run() {
  while (!is_over()) {
    if (first_.spent + other_.spent + rest_.spent > kMostSpent) {
      return std::nullopt;
    }
    ++best_.steps;
    Source& source = next_source();
    look_at(source, source.take());
  }
  return best_;
}

}  // namespace

std::optional<BestPartition> search_two_sets(PartitionTask task,
                                             BestPartition good) {
  return Search(std::move(task), good).run();
}

}  // namespace gpuward::kubelet::allocation
