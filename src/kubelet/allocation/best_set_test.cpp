#include "kubelet/allocation/best_set.h"

#include <gtest/gtest.h>

#include <array>

#include "kubelet/allocation/partition_task.h"
#include "kubelet/allocation/partitions_for_tests.h"

namespace gpuward::kubelet::allocation {
namespace {

void expect_same(const GpuScores& scores, const PartitionWish& wish, int kind) {
  const BestPartition found = best_partition(scores, wish);
  const BestPartition want = EveryPartition(scores, wish).best();
  EXPECT_EQ(found.total, want.total)
      << scores.devices() << " devices, size " << wish.size << ", required "
      << wish.required << ", kind " << kind;
  EXPECT_EQ(found.set, want.set)
      << scores.devices() << " devices, size " << wish.size << ", required "
      << wish.required << ", kind " << kind;
}

TEST(BestPartition, EqualsBruteForceUpToEightGpus) {
  RandomTopologies random(1);
  for (int devices = 1; devices <= 8; ++devices) {
    for (int round = 0; round < 40; ++round) {
      const int kind = round % RandomTopologies::kKinds;
      const GpuScores scores(random.scores(static_cast<size_t>(devices), kind));
      for (int size = 1; size <= devices; ++size) {
        expect_same(scores, random.wish(devices, size), kind);
      }
    }
  }
}

TEST(BestPartition, EqualsBruteForceWhateverIsRequired) {
  RandomTopologies random(2);
  for (int kind = 0; kind < RandomTopologies::kKinds; ++kind) {
    const GpuScores scores(random.scores(7, kind));
    for (GpuSet required = 0; required < 1U << 7; ++required) {
      for (int size = std::max(1, std::popcount(required)); size <= 7; ++size) {
        expect_same(scores,
                    {.available = 0x7f, .required = required, .size = size},
                    kind);
      }
    }
  }
}

// Where much is alike, most depends on the order among equals.
TEST(BestPartition, EqualsBruteForceWhereMuchIsAlike) {
  RandomTopologies random(8);
  for (int round = 0; round < 2000; ++round) {
    const int kind = round % 2 == 0 ? 8 : 2;
    const int devices = 7 + round % 3;
    const GpuScores scores(random.scores(static_cast<size_t>(devices), kind));
    for (int size = 2; size <= 3; ++size) {
      expect_same(scores, random.wish(devices, size), kind);
    }
  }
}

TEST(BestPartition, EqualsBruteForceOfSomeOfTheDevices) {
  RandomTopologies random(3);
  const GpuScores scores(random.scores(12, 4));
  for (const GpuSet available : {0xb7eU, 0x5b5U, 0x3ffU, 0xfc0U}) {
    for (int size = 1; size <= 6; ++size) {
      expect_same(scores, {.available = available, .size = size}, 4);
    }
  }
}

TEST(BestPartition, EqualsBruteForceOnSixteenGpus) {
  RandomTopologies random(4);
  // Sizes of which there are not millions of partitions.
  for (const int size : {7, 8, 9, 12, 15, 16}) {
    for (const int kind : {0, 3, 4}) {
      const GpuScores scores(random.scores(16, kind));
      expect_same(scores, random.wish(16, size), kind);
    }
  }
  for (const int size : {2, 3, 4, 5, 6}) {
    for (int kind = 0; kind < RandomTopologies::kKinds; ++kind) {
      const GpuScores scores(random.scores(11, kind));
      expect_same(scores, random.wish(11, size), kind);
    }
  }
}

std::optional<BestPartition> search_few(const GpuScores& scores,
                                        const PartitionWish& wish) {
  PartitionTask task = task_of(scores, wish);
  const BestPartition good = good_partition(task);
  return task.sets == 2 ? search_two_sets(std::move(task), good)
                        : search_many_sets(std::move(task), good);
}

BestPartition search_each(const GpuScores& scores, const PartitionWish& wish) {
  const PartitionTask task = task_of(scores, wish);
  return search_all(task, good_partition(task));
}

// The way that is taken where the others give up.
TEST(BestPartition, EqualsBruteForceBySearchingAll) {
  RandomTopologies random(5);
  for (int round = 0; round < 2000; ++round) {
    const int kind = round % 2 == 0 ? 8 : round % RandomTopologies::kKinds;
    const int devices = 7 + round % 3;
    const GpuScores scores(random.scores(static_cast<size_t>(devices), kind));
    for (int size = 2; size <= 3; ++size) {
      const PartitionWish wish = random.wish(devices, size);
      const BestPartition found = search_each(scores, wish);
      const BestPartition want = EveryPartition(scores, wish).best();
      EXPECT_EQ(found.total, want.total) << "size " << size << " kind " << kind;
      EXPECT_EQ(found.set, want.set) << "size " << size << " kind " << kind;
    }
  }
}

TEST(BestPartition, OfSixteenGpusBothWaysFindTheSame) {
  RandomTopologies random(6);
  for (int size = 2; size <= 7; ++size) {
    for (int kind = 0; kind < RandomTopologies::kKinds; ++kind) {
      const GpuScores scores(random.scores(16, kind));
      const PartitionWish wish = random.wish(16, size);
      const auto found = search_few(scores, wish);
      if (!found) continue;
      const BestPartition want = search_each(scores, wish);
      EXPECT_EQ(found->total, want.total)
          << "size " << size << " kind " << kind;
      EXPECT_EQ(found->set, want.set) << "size " << size << " kind " << kind;
    }
  }
}

// So that it takes microseconds: of up to 22 million partitions few are seen.
TEST(BestPartition, HardlyEverGivesUp) {
  RandomTopologies random(7);
  int given_up = 0;
  for (int round = 0; round < 700; ++round) {
    const GpuScores scores(random.scores(16, round % RandomTopologies::kKinds));
    const PartitionWish wish = random.wish(16, 2 + round % 6);
    if (!search_few(scores, wish)) ++given_up;
  }
  EXPECT_LE(given_up, 2);
}

TEST(Twins, AreConnectedAlikeToAllOthers) {
  PairScores pairs(6);  // two and two below switches, and two apart
  pairs.set(0, 1, 50);
  pairs.set(2, 3, 50);
  pairs.set(0, 5, 10);
  pairs.set(1, 5, 10);
  const GpuScores scores(pairs);
  const auto set = [&scores](std::initializer_list<size_t> devices) {
    GpuSet out = 0;
    for (const size_t device : devices) out |= scores.bit(device);
    return out;
  };
  const GpuSet all = 0x3f;
  const Twins twins(scores, all, all);
  EXPECT_TRUE(twins.has_first(set({0, 4}), all));
  EXPECT_FALSE(twins.has_first(set({1, 4}), all));
  EXPECT_TRUE(twins.has_first(set({1, 4}), all ^ set({0})));
  EXPECT_TRUE(twins.has_first(set({2, 3}), all));
  EXPECT_EQ(twins.with_first(set({1, 3, 5}), all), set({0, 2, 5}));
  EXPECT_EQ(twins.with_first(set({3, 5}), all ^ set({2})), set({3, 5}));
  // One that is required has no twin.
  EXPECT_TRUE(Twins(scores, all, all ^ set({0})).has_first(set({1}), all));
}

// A hypercube of single and double NVLinks over two sockets (DGX-1 of V100).
PairScores hypercube() {
  constexpr std::array<std::array<int, 8>, 8> kNvLinks = {
      {{0, 1, 1, 2, 2, 0, 0, 0},
       {1, 0, 2, 1, 0, 2, 0, 0},
       {1, 2, 0, 2, 0, 0, 1, 0},
       {2, 1, 2, 0, 0, 0, 0, 1},
       {2, 0, 0, 0, 0, 1, 1, 2},
       {0, 2, 0, 0, 1, 0, 2, 1},
       {0, 0, 1, 0, 1, 2, 0, 2},
       {0, 0, 0, 1, 2, 1, 2, 0}}};
  PairScores out(8);
  for (size_t i = 0; i < 8; ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int pci = i / 2 == j / 2 ? 50 : i / 4 == j / 4 ? 30 : 10;
      out.set(i, j, pci + 100 * kNvLinks[i][j]);
    }
  }
  return out;
}

using Devices = std::vector<size_t>;

// What go-gpuallocator's own tests want of such a node.
TEST(BestSet, ChoosesAsUpstreamOnAHypercube) {
  const GpuScores scores(hypercube());
  const auto best = [&scores](Devices available, Devices required,
                              size_t size) {
    return best_set(scores, {std::move(available), std::move(required), size})
        .devices;
  };
  const Devices all = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(best({0, 2, 4, 5}, {}, 2), (Devices{4, 5}));
  EXPECT_EQ(best({0, 4, 5, 6}, {}, 2), (Devices{5, 6}));
  EXPECT_EQ(best({0, 1, 3}, {}, 2), (Devices{0, 3}));
  EXPECT_EQ(best({0, 1, 4}, {}, 2), (Devices{0, 4}));
  EXPECT_EQ(best(all, {4}, 1), (Devices{4}));
  EXPECT_EQ(best(all, {4}, 2), (Devices{4, 7}));
  EXPECT_EQ(best(all, {4}, 4), (Devices{4, 5, 6, 7}));
  EXPECT_EQ(best(all, {0, 2, 4, 6}, 4), (Devices{0, 2, 4, 6}));
  EXPECT_EQ(best(all, {1, 2, 3, 4, 5, 6}, 4), Devices{});
}

// One container after the other takes its part: what they have together is the
// best total. (Upstream's tests want {0,3}, {1,2}, {4,7}, {5,6}: 920 as well.)
TEST(BestSet, LeavesWhatIsGoodForTheNextOne) {
  const GpuScores scores(hypercube());
  const auto take_all = [&scores](size_t size) {
    Devices available = {0, 1, 2, 3, 4, 5, 6, 7};
    std::vector<Devices> out;
    while (available.size() >= size) {
      out.push_back(best_set(scores, {available, {}, size}).devices);
      std::erase_if(available, [&out](size_t device) {
        return std::ranges::binary_search(out.back(), device);
      });
    }
    return out;
  };
  int total = 0;
  for (const Devices& pair : take_all(2)) {
    total += scores.pair(pair.front(), pair.back());
  }
  EXPECT_EQ(total, 920);
  EXPECT_EQ(take_all(2).front(), (Devices{2, 3}));  // of four, 250
  EXPECT_EQ(take_all(4), (std::vector<Devices>{{0, 1, 2, 3}, {4, 5, 6, 7}}));
  EXPECT_EQ(take_all(1).front(), Devices{0});
}

// Of go-gpuallocator's tests: the best pair is the last one of its partition.
TEST(BestSet, FindsTheBestPairAmongSeven) {
  PairScores pairs(14);
  for (size_t i = 0; i < 12; i += 2) pairs.set(i, i + 1, 200);
  pairs.set(12, 13, 400);
  const GpuScores scores(pairs);
  Devices all(14);
  for (size_t i = 0; i < 14; ++i) all[i] = i;
  EXPECT_EQ(best_set(scores, {all, {}, 2}).devices, (Devices{12, 13}));
}

TEST(BestSet, OfEqualSetsTheFirst) {
  const GpuScores scores(PairScores(size_t{16}));
  Devices all(16);
  for (size_t i = 0; i < 16; ++i) all[i] = i;
  EXPECT_EQ(best_set(scores, {all, {}, 3}).devices, (Devices{0, 1, 2}));
  EXPECT_EQ(best_set(scores, {all, {9}, 3}).devices, (Devices{0, 1, 9}));
  EXPECT_EQ(best_set(scores, {{3, 5, 8}, {}, 2}).devices, (Devices{3, 5}));
}

TEST(BestSet, IsEmptyWhereThereIsNone) {
  const GpuScores scores(hypercube());
  EXPECT_TRUE(best_set(scores, {{1, 2}, {}, 0}).devices.empty());
  EXPECT_TRUE(best_set(scores, {{1, 2}, {}, 3}).devices.empty());
  EXPECT_TRUE(best_set(scores, {{1, 2}, {1, 2}, 1}).devices.empty());
  EXPECT_TRUE(best_set(scores, {{}, {}, 1}).devices.empty());
}

// 20 GPUs in fours.
PairScores fours(size_t devices) {
  PairScores out(devices);
  for (size_t i = 0; i < devices; ++i) {
    for (size_t j = 0; j < i; ++j) out.set(i, j, i / 4 == j / 4 ? 50 : 10);
  }
  return out;
}

TEST(BestSet, FewAvailableOfMoreThanSixteenAreSearched) {
  const GpuScores scores(fours(20));
  ASSERT_FALSE(scores.has_sets());
  const BestSet best = best_set(scores, {{1, 2, 7, 12, 13, 15}, {}, 3});
  EXPECT_TRUE(best.exact);
  EXPECT_EQ(best.devices, (Devices{12, 13, 15}));
  EXPECT_EQ(best_set(scores, {{1, 2, 7, 12, 13, 15}, {1}, 2}).devices,
            (Devices{1, 2}));
}

TEST(BestSet, OfMoreThanSixteenAvailableOneIsGrown) {
  const GpuScores scores(fours(20));
  Devices all(19);
  for (size_t i = 0; i < 19; ++i) all[i] = i + 1;
  const BestSet best = best_set(scores, {all, {}, 4});
  EXPECT_FALSE(best.exact);
  EXPECT_EQ(best.devices, (Devices{4, 5, 6, 7}));
  EXPECT_EQ(best_set(scores, {all, {10, 13}, 4}).devices,
            (Devices{8, 9, 10, 13}));
}

}  // namespace
}  // namespace gpuward::kubelet::allocation
