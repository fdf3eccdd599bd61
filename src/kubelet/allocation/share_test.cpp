#include "kubelet/allocation/share.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gpuward::kubelet::allocation {
namespace {

using Picks = std::vector<size_t>;

// As many devices of each group as said, numbered through.
std::vector<int> groups(const std::vector<int>& sizes) {
  std::vector<int> out;
  for (size_t group = 0; group < sizes.size(); ++group) {
    out.insert(out.end(), static_cast<size_t>(sizes[group]),
               static_cast<int>(group));
  }
  return out;
}

Picks all_but(const std::vector<int>& of, const Picks& taken) {
  Picks out;
  for (size_t i = 0; i < of.size(); ++i) {
    if (std::ranges::find(taken, i) == taken.end()) out.push_back(i);
  }
  return out;
}

// How many of each group.
std::vector<int> counts(const std::vector<int>& of, const Picks& picks) {
  std::vector<int> out(static_cast<size_t>(std::ranges::max(of)) + 1);
  for (const size_t pick : picks) ++out[static_cast<size_t>(of[pick])];
  return out;
}

struct Case {
  std::vector<int> sizes;
  Picks taken;     // by others
  Picks required;  // of this container
  size_t wanted;
  std::vector<int> want;
};

void check(const Case& each, Placement placement,
           Picks (*pick)(const ShareWish&, Placement)) {
  const auto of = groups(each.sizes);
  Picks gone = each.taken;
  gone.insert(gone.end(), each.required.begin(), each.required.end());
  const Picks picks =
      pick({of, all_but(of, gone), each.required, each.wanted}, placement);
  EXPECT_EQ(counts(of, picks), each.want) << testing::PrintToString(picks);
}

// Those of NVIDIA's own tests among them.
TEST(Replicas, Distributed) {
  const Case cases[] = {{{4, 4}, {}, {}, 2, {1, 1}},
                        {{2, 2, 2}, {}, {}, 3, {1, 1, 1}},
                        {{4, 4}, {}, {}, 4, {2, 2}},
                        {{4}, {}, {}, 1, {1}},
                        {{4, 4}, {0, 1, 2, 3}, {}, 2, {0, 2}},
                        // Two are taken of the first: the second catches up.
                        {{4, 4}, {0, 1}, {}, 4, {1, 3}},
                        // All have two: the one that was picked from least.
                        {{4, 4}, {4, 5}, {}, 3, {2, 1}},
                        {{4, 4}, {}, {0}, 1, {0, 1}},
                        {{2, 4}, {}, {}, 6, {2, 4}}};
  for (const Case& each : cases) {
    check(each, Placement::distributed, pick_replicas);
  }
}

TEST(Replicas, Packed) {
  const Case cases[] = {{{4, 4}, {}, {}, 2, {2, 0}},
                        {{2, 2, 2}, {}, {}, 3, {2, 1, 0}},
                        {{4, 4}, {}, {}, 4, {4, 0}},
                        {{4, 4}, {}, {}, 5, {4, 1}},
                        // The second is in use, and full after one more.
                        {{4, 4}, {4, 5, 6}, {}, 2, {1, 1}},
                        {{4, 4}, {}, {7}, 2, {0, 2}}};
  for (const Case& each : cases) {
    check(each, Placement::packed, pick_replicas);
  }
}

TEST(Replicas, TheFirstOfEachAndNoMoreThanThereAre) {
  const auto of = groups({2, 2});
  EXPECT_EQ(pick_replicas({of, {0, 1, 2, 3}, {}, 3}, Placement::distributed),
            (Picks{0, 2, 1}));
  EXPECT_EQ(pick_replicas({of, {1}, {}, 3}, Placement::distributed), Picks{1});
  EXPECT_TRUE(pick_replicas({{}, {}, {}, 3}, Placement::packed).empty());
}

TEST(Mig, PackedOnFewGpus) {
  const Case cases[] = {// One GPU suffices, although the first is in use.
                        {{4, 4, 4}, {0, 1, 2}, {}, 2, {0, 2, 0}},
                        // The one that just suffices: the third stays empty.
                        {{4, 4, 4}, {0, 1, 4}, {}, 2, {2, 0, 0}},
                        {{4, 4, 4}, {0, 1, 4}, {}, 3, {0, 3, 0}},
                        // Two GPUs are needed, not three.
                        {{4, 4, 4}, {0, 1, 4}, {}, 6, {2, 0, 4}},
                        // The required device's GPU first.
                        {{4, 4, 4}, {4, 5}, {8}, 2, {0, 0, 2}},
                        {{4, 4, 4}, {4, 5, 9, 10}, {8}, 3, {0, 2, 1}},
                        {{1, 7}, {1, 2, 3, 4, 5, 6}, {}, 1, {0, 1}}};
  for (const Case& each : cases) check(each, Placement::packed, pick_mig);
}

TEST(Mig, DistributedOverMany) {
  const Case cases[] = {{{4, 4, 4}, {}, {}, 3, {1, 1, 1}},
                        {{4, 4, 4}, {0, 4}, {}, 1, {0, 0, 1}},
                        // Another GPU, although it is more in use.
                        {{4, 4}, {4, 5}, {0}, 1, {0, 1}},
                        {{4, 4}, {4, 5, 6, 7}, {0}, 1, {1, 0}}};
  for (const Case& each : cases) check(each, Placement::distributed, pick_mig);
}

TEST(Mig, NoMoreThanThereAre) {
  const auto of = groups({2, 2});
  for (const auto placement : {Placement::packed, Placement::distributed}) {
    EXPECT_EQ(pick_mig({of, {0, 3}, {}, 5}, placement), (Picks{0, 3}));
    EXPECT_TRUE(pick_mig({{}, {}, {}, 3}, placement).empty());
  }
}

}  // namespace
}  // namespace gpuward::kubelet::allocation
