#include "kubelet/allocation/preferred.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace gpuward::kubelet::allocation {
namespace {

// Eight GPUs, two below each switch, four at each NUMA node.
Allocatable whole_gpus() {
  Allocatable out;
  for (int i = 0; i < 8; ++i) {
    const std::string uuid = "GPU-" + std::to_string(i);
    const std::string pair = std::to_string(i / 2);
    out.devices.push_back({.id = uuid, .gpu = uuid});
    out.places.push_back({.uuid = uuid,
                          .pci = "0000:" + std::to_string(i) + "a:00.0",
                          .pci_path = "pci0000:" + pair + "/port/up/down" +
                                      std::to_string(i % 2),
                          .numa_node = i / 4});
  }
  return out;
}

Allocatable shared(Allocatable::Kind kind, Placement placement) {
  Allocatable out{.kind = kind, .placement = placement};
  for (int gpu = 0; gpu < 2; ++gpu) {
    for (int i = 0; i < 3; ++i) {
      const std::string uuid = "GPU-" + std::to_string(gpu);
      out.devices.push_back({.id = uuid + "::" + std::to_string(i),
                             .gpu = uuid,
                             .replica_of = uuid});
    }
  }
  return out;
}

wire::DeviceIds preferred(const AllocationView& view,
                          const wire::PreferredWish& wish) {
  return view.preferred(wish).ids;
}

wire::DeviceIds ids(std::initializer_list<int> numbers) {
  wire::DeviceIds out;
  for (const int number : numbers) {
    out.push_back("GPU-" + std::to_string(number));
  }
  return out;
}

TEST(Preferred, TheBestConnectedGpus) {
  const AllocationView view(whole_gpus());
  EXPECT_EQ(preferred(view, {ids({0, 2, 3, 5}), {}, 2}), ids({2, 3}));
  EXPECT_EQ(preferred(view, {ids({0, 2, 3, 5, 6, 7}), ids({5}), 3}),
            ids({5, 6, 7}));
  EXPECT_EQ(preferred(view, {ids({0, 1, 2, 3, 4, 5, 6, 7}), {}, 4}),
            ids({0, 1, 2, 3}));
  EXPECT_EQ(preferred(view, {ids({3, 6}), {}, 1}), ids({3}));
}

TEST(Preferred, IsTheSameInAnyOrder) {
  const AllocationView view(whole_gpus());
  wire::DeviceIds available = ids({0, 1, 3, 4, 6, 7});
  const wire::DeviceIds first = preferred(view, {available, {}, 3});
  std::mt19937 engine(1);
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(available, engine);
    available.push_back(available.front());  // twice, too
    EXPECT_EQ(preferred(view, {available, {}, 3}), first);
  }
}

TEST(Preferred, ADeviceElsewhereThatIsUnknownChangesNothing) {
  // GPU 1 is lost: nothing is known of its place, and it is not available.
  Allocatable all = whole_gpus();
  all.places[1] = {.uuid = "GPU-1"};
  EXPECT_EQ(preferred(AllocationView(all), {ids({0, 2, 3, 4}), {}, 2}),
            ids({2, 3}));
  all.places.erase(all.places.begin() + 1);
  EXPECT_EQ(preferred(AllocationView(all), {ids({0, 1, 2, 3}), {}, 2}),
            ids({2, 3}));
}

TEST(Preferred, UnknownDevicesAreTheLastResort) {
  const AllocationView view(whole_gpus());
  EXPECT_EQ(preferred(view, {{"GPU-x", "GPU-3", "GPU-0"}, {}, 2}), ids({0, 3}));
  EXPECT_EQ(preferred(view, {{"GPU-x", "GPU-y", "GPU-0"}, {}, 2}),
            (wire::DeviceIds{"GPU-0", "GPU-x"}));
  EXPECT_EQ(preferred(view, {{"GPU-x", "GPU-y", "GPU-0"}, {"GPU-y"}, 2}),
            (wire::DeviceIds{"GPU-0", "GPU-y"}));
  EXPECT_EQ(preferred(AllocationView(), {{"b", "a", "c"}, {"c"}, 2}),
            (wire::DeviceIds{"c", "a"}));
}

TEST(Preferred, WhatCannotBeIsMetAsFarAsItCan) {
  const AllocationView view(whole_gpus());
  EXPECT_EQ(preferred(view, {ids({0, 1}), {}, 3}), ids({0, 1}));
  EXPECT_EQ(preferred(view, {ids({1, 2}), ids({7}), 1}), ids({1}));
  EXPECT_EQ(preferred(view, {ids({0, 1, 2}), ids({0, 1, 2}), 2}), ids({0, 1}));
  EXPECT_TRUE(preferred(view, {{}, ids({1}), 1}).empty());
  EXPECT_TRUE(preferred(view, {ids({0, 1}), ids({1}), 0}).empty());
  EXPECT_TRUE(preferred(view, {ids({0, 1}), {}, -3}).empty());
}

TEST(Preferred, ReplicasAndMigByTheirSetting) {
  using Kind = Allocatable::Kind;
  for (const Kind kind : {Kind::replica, Kind::mig}) {
    const Allocatable spread = shared(kind, Placement::distributed);
    const Allocatable packed = shared(kind, Placement::packed);
    wire::DeviceIds all;
    for (const auto& device : spread.devices) all.push_back(device.id);
    EXPECT_EQ(preferred(AllocationView(spread), {all, {}, 2}),
              (wire::DeviceIds{"GPU-0::0", "GPU-1::0"}));
    EXPECT_EQ(preferred(AllocationView(packed), {all, {}, 2}),
              (wire::DeviceIds{"GPU-0::0", "GPU-0::1"}));
    EXPECT_EQ(preferred(AllocationView(packed), {all, {"GPU-1::2"}, 2}),
              (wire::DeviceIds{"GPU-1::0", "GPU-1::2"}));
  }
}

TEST(Preferred, ReplicasOfMigDevicesCountByMigDevice) {
  Allocatable all{.kind = Allocatable::Kind::replica};
  for (const char* const id : {"MIG-a::0", "MIG-a::1", "MIG-b::0"}) {
    all.devices.push_back(
        {.id = id, .gpu = "GPU-0", .replica_of = std::string(id).substr(0, 5)});
  }
  EXPECT_EQ(preferred(AllocationView(all),
                      {{"MIG-a::0", "MIG-a::1", "MIG-b::0"}, {}, 2}),
            (wire::DeviceIds{"MIG-a::0", "MIG-b::0"}));
}

// Whatever comes: of the available ones, with the required ones, as many.
TEST(Preferred, HoldsItsPromisesForRandomWishes) {
  using Kind = Allocatable::Kind;
  std::mt19937 engine(7);
  const auto some = [&engine](const wire::DeviceIds& from, int one_in) {
    wire::DeviceIds out;
    for (const std::string& id : from) {
      if (static_cast<int>(engine() % 12) < 12 / one_in) out.push_back(id);
    }
    return out;
  };
  for (int round = 0; round < 600; ++round) {
    const Kind kind = static_cast<Kind>(round % 3);
    Allocatable all = kind == Kind::gpu
                          ? whole_gpus()
                          : shared(kind, static_cast<Placement>(round % 2));
    wire::DeviceIds named = {"unknown-1", "unknown-2"};
    for (const auto& device : all.devices) named.push_back(device.id);
    wire::PreferredWish wish{.available = some(named, 2)};
    wish.must_include = some(wish.available, 4);
    wish.size = static_cast<int>(engine() % 7);
    const wire::DeviceIds got = preferred(AllocationView(all), wish);
    const size_t size =
        std::min(static_cast<size_t>(wish.size), wish.available.size());
    EXPECT_EQ(got.size(), size);
    for (const std::string& id : got) {
      EXPECT_EQ(std::ranges::count(got, id), 1);
      EXPECT_EQ(std::ranges::count(wish.available, id), 1);
    }
    if (wish.must_include.size() > size) continue;
    for (const std::string& id : wish.must_include) {
      EXPECT_EQ(std::ranges::count(got, id), 1) << id;
    }
  }
}

}  // namespace
}  // namespace gpuward::kubelet::allocation
