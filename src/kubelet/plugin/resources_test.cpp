#include "kubelet/plugin/resources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kubelet/plugin/snapshots_for_tests.h"

namespace gpuward::kubelet::plugin {
namespace {

Inventory inventory_of(std::vector<Gpu> frames) {
  return update({}, answered(kStart, std::move(frames)), {}).inventory;
}

Inventory mixed_node() {
  return inventory_of({mig_frame(0, kStart, {"3g.48gb", "1g.12gb", "1g.12gb"}),
                       mig_frame(1, kStart, {"1g.12gb+me"}), frame(2, kStart),
                       frame(3, kStart)});
}

Settings with(MigStrategy strategy) {
  Settings out;
  out.mig_strategy = strategy;
  return out;
}

// "nvidia.com/gpu: GPU-0 GPU-1"
std::vector<std::string> shown(const Resources& resources) {
  std::vector<std::string> out;
  for (const Resource& resource : resources.list) {
    std::string line = resource.name + ":";
    for (const PluginDevice& device : resource.devices) line += " " + device.id;
    out.push_back(line);
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(Resources, I1_none_offers_whole_gpus) {
  const auto got = resources_of(mixed_node(), with(MigStrategy::none));
  EXPECT_EQ(shown(got), Lines{"nvidia.com/gpu: GPU-0 GPU-1 GPU-2 GPU-3"});
  const PluginDevice& device = got.list[0].devices[2];
  EXPECT_EQ(device.index, "2");
  EXPECT_EQ(device.nodes, Lines{"/dev/nvidia2"});
  EXPECT_FALSE(device.is_mig);
}

TEST(Resources, I1_mixed_offers_each_profile_by_its_name) {
  const auto got = resources_of(mixed_node(), with(MigStrategy::mixed));
  EXPECT_EQ(shown(got), (Lines{"nvidia.com/gpu: GPU-2 GPU-3",
                               "nvidia.com/mig-1g.12gb: MIG-0-1 MIG-0-2",
                               "nvidia.com/mig-1g.12gb.me: MIG-1-0",
                               "nvidia.com/mig-3g.48gb: MIG-0-0"}));
  const PluginDevice& device = got.list[1].devices[0];
  EXPECT_EQ(device.index, "0:1");
  EXPECT_EQ(device.gpu, "GPU-0");
  EXPECT_EQ(device.nodes,
            (Lines{"/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap110",
                   "/dev/nvidia-caps/nvidia-cap111"}));
  EXPECT_TRUE(got.notes.empty());
}

TEST(Resources, I1_single_offers_mig_devices_as_gpus) {
  const auto got =
      resources_of(inventory_of({mig_frame(0, kStart, {"1g.12gb", "1g.12gb"}),
                                 mig_frame(1, kStart, {"1g.12gb"})}),
                   with(MigStrategy::single));
  EXPECT_EQ(shown(got), Lines{"nvidia.com/gpu: MIG-0-0 MIG-0-1 MIG-1-0"});
  EXPECT_EQ(got.list[0].problem, "");
}

TEST(Resources, I1_single_with_unlike_devices_lists_them_with_the_reason) {
  auto got =
      resources_of(inventory_of({mig_frame(0, kStart, {"1g.12gb", "3g.48gb"})}),
                   with(MigStrategy::single));
  ASSERT_EQ(got.list.size(), 1u);
  EXPECT_EQ(got.list[0].devices.size(), 2u);
  EXPECT_NE(got.list[0].problem.find("several profiles"), std::string::npos);
  got = resources_of(
      inventory_of({mig_frame(0, kStart, {"1g.12gb"}), frame(1, kStart)}),
      with(MigStrategy::single));
  EXPECT_NE(got.list[0].problem.find("on at some GPUs"), std::string::npos);
}

TEST(Resources, I1_mig_without_devices_keeps_nobody_else_from_working) {
  const auto got =
      resources_of(inventory_of({mig_frame(0, kStart, {}),
                                 mig_frame(1, kStart, {"1g.12gb"})}),
                   with(MigStrategy::single));
  EXPECT_EQ(shown(got), Lines{"nvidia.com/gpu: MIG-1-0"});
  EXPECT_EQ(got.list[0].problem, "");
  ASSERT_EQ(got.notes.size(), 1u);
  EXPECT_NE(got.notes[0].find("GPU 0 offers nothing"), std::string::npos);
}

TEST(Resources, AGpuWhoseMigModeIsNotKnownIsNotOfferedAsWhole) {
  Gpu odd = frame(0, kStart);
  set(odd, field::kMigMode, reading_error(999, "UNKNOWN", kStart));
  EXPECT_TRUE(
      resources_of(inventory_of({odd}), with(MigStrategy::mixed)).list.empty());
  EXPECT_EQ(
      resources_of(inventory_of({odd}), with(MigStrategy::none)).list.size(),
      1u);
}

TEST(Resources, I2_a_part_of_an_instance_is_left_out_and_nothing_else) {
  const auto got = resources_of(
      inventory_of({mig_frame(
          0, kStart,
          {"1c.3g.48gb", "1g.12gb", "", "1g.12gb+me.all", "1g odd"})}),
      with(MigStrategy::mixed));
  EXPECT_EQ(shown(got), (Lines{"nvidia.com/mig-1g.12gb: MIG-0-1",
                               "nvidia.com/mig-1g.12gb.me.all: MIG-0-3"}));
  EXPECT_EQ(got.notes.size(), 3u);
}

Settings shared(Sharing::Kind kind, std::string name, bool rename) {
  Settings out = with(MigStrategy::mixed);
  out.sharing.kind = kind;
  const std::string shown_as = name + (rename ? ".shared" : "");
  out.sharing.resources = {{std::move(name), shown_as, 3}};
  return out;
}

TEST(Resources, I3_replicas_have_numbers_and_keep_what_they_are) {
  const auto got = resources_of(
      inventory_of({frame(0, kStart), frame(1, kStart)}),
      shared(Sharing::Kind::time_slicing, "nvidia.com/gpu", false));
  EXPECT_EQ(shown(got), Lines{"nvidia.com/gpu: GPU-0::0 GPU-0::1 GPU-0::2 "
                              "GPU-1::0 GPU-1::1 GPU-1::2"});
  const PluginDevice& device = got.list[0].devices[4];
  EXPECT_TRUE(device.is_replica);
  EXPECT_EQ(device.uuid, "GPU-1");
  EXPECT_EQ(device.index, "1");
  EXPECT_EQ(device.nodes, Lines{"/dev/nvidia1"});
  EXPECT_FALSE(got.list[0].mps);
}

TEST(Resources, I3_shared_names_end_in_shared) {
  const auto got = resources_of(
      mixed_node(),
      shared(Sharing::Kind::time_slicing, "nvidia.com/mig-3g.48gb", true));
  EXPECT_EQ(shown(got),
            (Lines{"nvidia.com/gpu: GPU-2 GPU-3",
                   "nvidia.com/mig-1g.12gb: MIG-0-1 MIG-0-2",
                   "nvidia.com/mig-1g.12gb.me: MIG-1-0",
                   "nvidia.com/mig-3g.48gb.shared: MIG-0-0::0 MIG-0-0::1 "
                   "MIG-0-0::2"}));
  // Of a resource that is not there nothing is made.
  EXPECT_EQ(resources_of(inventory_of({frame(0, kStart)}),
                         shared(Sharing::Kind::time_slicing,
                                "nvidia.com/mig-3g.48gb", true))
                .list.size(),
            1u);
}

TEST(Resources, I3_replicas_share_the_problem_of_their_devices) {
  Settings settings =
      shared(Sharing::Kind::time_slicing, "nvidia.com/gpu", true);
  settings.mig_strategy = MigStrategy::single;
  const auto got = resources_of(
      inventory_of({mig_frame(0, kStart, {"1g.12gb"}), frame(1, kStart)}),
      settings);
  ASSERT_EQ(got.list.size(), 1u);
  EXPECT_EQ(got.list[0].devices.size(), 6u);
  EXPECT_NE(got.list[0].problem, "");
}

TEST(Resources, MpsIsOfWholeGpusAlone) {
  Settings settings = shared(Sharing::Kind::mps, "nvidia.com/gpu", false);
  auto got = resources_of(inventory_of({frame(0, kStart)}), settings);
  EXPECT_TRUE(got.list[0].mps);
  EXPECT_EQ(got.list[0].problem, "");
  settings.mig_strategy = MigStrategy::single;
  got =
      resources_of(inventory_of({mig_frame(0, kStart, {"1g.12gb"})}), settings);
  EXPECT_NE(got.list[0].problem, "");
}

TEST(Resources, I5_mig_devices_have_their_gpus_node) {
  const auto inventory =
      update({}, answered(kStart, {mig_frame(0, kStart, {"1g.12gb"})}),
             {{pci_of(0), {1, ""}}})
          .inventory;
  EXPECT_EQ(resources_of(inventory, with(MigStrategy::mixed))
                .list[0]
                .devices[0]
                .numa_nodes,
            std::vector<int64_t>{1});
}

TEST(Resources, P3_ids_are_unique_and_63_characters_at_most) {
  Gpu odd = frame(0, kStart);
  set(odd, field::kUuid, reading_of(std::string(64, 'x'), kStart));
  const auto got = resources_of(inventory_of({odd, frame(1, kStart)}),
                                with(MigStrategy::none));
  EXPECT_EQ(shown(got), Lines{"nvidia.com/gpu: GPU-1"});
  EXPECT_EQ(got.notes.size(), 1u);
  Inventory twins = inventory_of({mig_frame(0, kStart, {"1g.12gb"})});
  twins.gpus.push_back(twins.gpus[0]);
  const auto once = resources_of(twins, with(MigStrategy::mixed));
  EXPECT_EQ(shown(once), Lines{"nvidia.com/mig-1g.12gb: MIG-0-0"});
  EXPECT_EQ(once.notes.size(), 1u);
}

TEST(Resources, UnknownNodesAreNone) {
  Gpu odd = mig_frame(0, kStart, {"1g.12gb"});
  odd.mig.items[0].gpu_cap.reset();
  const auto got = resources_of(inventory_of({odd}), with(MigStrategy::mixed));
  EXPECT_TRUE(got.list[0].devices[0].nodes.empty());
}

TEST(Resources, SocketsAreCalledAsNvidias) {
  EXPECT_EQ(socket_stem("nvidia.com/gpu"), "nvidia-gpu");
  EXPECT_EQ(socket_stem("nvidia.com/mig-1g.10gb"), "nvidia-mig-1g.10gb");
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
