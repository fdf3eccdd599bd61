// For tests and benchmarks: every partition one after the other, as
// go-gpuallocator does it, and topologies to compare on.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <random>

#include "kubelet/allocation/best_partition.h"

namespace gpuward::kubelet::allocation {

// Walks through all of them. The best one is what best_partition.h says.
class EveryPartition {
 public:
  EveryPartition(const GpuScores& scores, const PartitionWish& wish)
      : scores_(scores),
        wish_(wish),
        rest_(std::popcount(wish.available) % wish.size) {}

  BestPartition best() {
    best_ = {.total = -1};
    divide(wish_.available, rest_ > 0, 0, 0);
    return best_;
  }

 private:
  // `rest`: the smaller set is still to be taken. `set`: the best one so far.
  void divide(GpuSet open, bool rest, int total, GpuSet set) {
    if (open == 0) return end(total, set);
    const GpuSet first = open & -open;
    take(open, first, open ^ first, wish_.size - 1, rest, total, set);
    if (rest) take_rest(open, first, open ^ first, rest_ - 1, total, set);
  }

  void take(GpuSet open, GpuSet chosen, GpuSet from, int missing, bool rest,
            int total, GpuSet set) {
    if (missing < 0) return;
    if (missing == 0) {
      const bool may = (chosen & wish_.required) == wish_.required;
      divide(open ^ chosen, rest, total + scores_.of(chosen),
             may && (set == 0 || is_better(chosen, set)) ? chosen : set);
      return;
    }
    for (; from != 0; from &= from - 1) {
      take(open, chosen | (from & -from), from & (from - 1), missing - 1, rest,
           total, set);
    }
  }

  void take_rest(GpuSet open, GpuSet chosen, GpuSet from, int missing,
                 int total, GpuSet set) {
    if (missing == 0) {
      return divide(open ^ chosen, false, total + scores_.of(chosen), set);
    }
    for (; from != 0; from &= from - 1) {
      take_rest(open, chosen | (from & -from), from & (from - 1), missing - 1,
                total, set);
    }
  }

  void end(int total, GpuSet set) {
    ++best_.steps;
    if (set == 0 || total < best_.total) return;
    if (total > best_.total || is_better(set, best_.set)) {
      best_.total = total;
      best_.set = set;
    }
  }

  bool is_better(GpuSet left, GpuSet right) const {
    if (scores_.of(left) != scores_.of(right)) {
      return scores_.of(left) > scores_.of(right);
    }
    return left > right;
  }

  const GpuScores& scores_;
  const PartitionWish wish_;
  const int rest_;
  BestPartition best_;
};

// Of as many different natures as there are kinds.
class RandomTopologies {
 public:
  static constexpr int kKinds = 9;
  explicit RandomTopologies(uint32_t seed) : engine_(seed) {}

  int number(int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(engine_);
  }

  PairScores scores(size_t devices, int kind) {
    std::vector<int> seat(devices);  // where each device sits in the tree
    for (size_t i = 0; i < devices; ++i) seat[i] = static_cast<int>(i);
    if (number(0, 1) == 1) std::ranges::shuffle(seat, engine_);
    below_switch_ = number(2, 4);
    below_bridge_ = number(2, 8);
    at_node_ = number(3, 16);
    alone_ = number(0, static_cast<int>(devices));  // or none
    for (auto& blocks : blocks_) {
      for (size_t i = 1; i < blocks.size(); ++i) {
        blocks[i] = blocks[i - 1] + (number(0, 2) == 0 ? 1 : 0);
      }
    }
    PairScores out(devices);
    for (size_t i = 0; i < devices; ++i) {
      for (size_t j = 0; j < i; ++j)
        out.set(i, j, pair(kind, seat[i], seat[j]));
    }
    return out;
  }

  // Of those devices, one in three without any required one.
  PartitionWish wish(int devices, int size) {
    const GpuSet all = (GpuSet{1} << devices) - 1;
    PartitionWish out{.available = all, .size = size};
    const int wanted = number(0, 2) * std::min(size, 3) / 2;
    while (std::popcount(out.required) < wanted) {
      out.required |= GpuSet{1} << number(0, devices - 1);
    }
    return out;
  }

 private:
  int tree(int left, int right) const {
    if (left / below_switch_ == right / below_switch_) return 50;
    if (left / below_bridge_ == right / below_bridge_) return 40;
    return left / at_node_ == right / at_node_ ? 20 : 10;
  }

  // Blocks of any size, which do not fit into each other.
  int in_blocks(int left, int right) const {
    if (left == alone_ || right == alone_) return 0;
    int score = 10;
    for (const auto& blocks : blocks_) {
      const bool same = blocks[static_cast<size_t>(left)] ==
                        blocks[static_cast<size_t>(right)];
      score += same ? 20 : 0;
    }
    return score;
  }

  int pair(int kind, int left, int right) {
    const int pci = tree(left, right);
    switch (kind) {
      case 0:
        return number(0, 1860);  // no structure at all
      case 1:
        return 100 * number(0, 1);  // and many ties
      case 2:
        return pci;  // PCI alone
      case 3:
        return 1800 + pci;  // below NVSwitches
      case 4:
        return pci + 100 * number(0, 2) * number(0, 1);
      case 5:
        return pci + (number(0, 9) == 0 ? 100 : 0);
      case 6:
        return pci + (std::abs(left - right) == 1 ? 200 : 0);  // a ring
      case 7:
        return pci + (std::has_single_bit(static_cast<unsigned>(left ^ right))
                          ? 100
                          : 0);  // a cube
      default:
        return in_blocks(left, right);
    }
  }

  std::mt19937 engine_;
  int below_switch_ = 2, below_bridge_ = 4, at_node_ = 8;
  int alone_ = 0;
  std::array<std::array<int, GpuScores::kMostInSets>, 2> blocks_{};
};

}  // namespace gpuward::kubelet::allocation
