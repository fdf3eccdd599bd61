#include "kubelet/plugin/inventory.h"

#include <gtest/gtest.h>

#include "kubelet/plugin/snapshots_for_tests.h"

namespace gpuward::kubelet::plugin {
namespace {

Inventory first(int gpus) {
  return update({}, answered(kStart, gpus), {}).inventory;
}

std::vector<std::string> uuids(const Inventory& inventory) {
  std::vector<std::string> out;
  for (const KnownGpu& gpu : inventory.gpus) out.push_back(gpu.uuid);
  return out;
}

using Words = std::vector<std::string>;

TEST(Inventory, IsWhatARoundSays) {
  const auto got = update(
      {},
      answered(kStart, {frame(0, kStart), mig_frame(1, kStart, {"1g.12gb"})}),
      {{pci_of(0), {1, "pci0000:00/0000:0f:00.0"}}, {pci_of(1), {-1, ""}}});
  const Inventory& inventory = got.inventory;
  EXPECT_EQ(inventory.boot_id, "boot-1");
  ASSERT_EQ(uuids(inventory), (Words{"GPU-0", "GPU-1"}));
  EXPECT_EQ(inventory.gpus[0].pci, "0000:0f:00.0");
  EXPECT_EQ(inventory.gpus[0].minor, 0);
  EXPECT_EQ(inventory.gpus[0].mig_on, false);
  EXPECT_EQ(inventory.gpus[0].bus_path, "pci0000:00/0000:0f:00.0");
  EXPECT_EQ(inventory.gpus[1].mig_on, true);
  ASSERT_EQ(inventory.gpus[1].mig.size(), 1u);
  EXPECT_EQ(inventory.gpus[1].mig[0].profile, "1g.12gb");
  EXPECT_EQ(got.changes.size(), 2u);
  EXPECT_TRUE(update(inventory,
                     answered(kStart + 1s, {frame(0, kStart),
                                            mig_frame(1, kStart, {"1g.12gb"})}),
                     {})
                  .changes.empty());
}

TEST(Inventory, I5_no_numa_node_is_none) {
  const auto with = [](int node) {
    return update({}, answered(kStart, 1), {{pci_of(0), {node, ""}}})
        .inventory.gpus[0]
        .numa_node;
  };
  EXPECT_EQ(with(1), 1);
  EXPECT_EQ(with(0), 0);
  EXPECT_EQ(with(-1), std::nullopt);
}

TEST(Inventory, P3_a_hang_takes_no_identity) {
  const Inventory known = first(8);
  const auto got = update(known, hung(kStart + 1s, kStart), {});
  EXPECT_EQ(got.inventory, known);
  EXPECT_TRUE(got.changes.empty());
  Snapshot nothing;
  EXPECT_EQ(update(known, nothing, {}).inventory.gpus, known.gpus);
}

TEST(Inventory, P3_a_hang_in_a_later_boot_takes_none_either) {
  const Inventory known = first(2);
  Snapshot snapshot = hung(kStart + 1s, kStart);
  snapshot.boot_id = "boot-2";
  const Inventory got = update(known, snapshot, {}).inventory;
  EXPECT_EQ(got.gpus, known.gpus);
  EXPECT_EQ(got.boot_id, "boot-1");  // nobody has counted since
}

TEST(Inventory, ALostGpuKeepsItsIdentityByItsAddress) {
  const Inventory known = first(3);
  Snapshot snapshot = answered(kStart + 1s, 3);
  snapshot.gpus[1] = lost_frame(1, kStart + 1s);
  const auto got = update(known, snapshot, {});
  EXPECT_EQ(got.inventory.gpus, known.gpus);
  EXPECT_EQ(frames_of(got.inventory, snapshot)[1], &snapshot.gpus[1]);
}

TEST(Inventory, OneThatDoesNotAnswerKeepsItByItsIndex) {
  const Inventory known = first(3);
  Snapshot snapshot = answered(kStart + 1s, 3);
  snapshot.gpus[1] = unknown_frame(1, kStart + 1s);
  EXPECT_EQ(update(known, snapshot, {}).inventory.gpus, known.gpus);
  EXPECT_EQ(frames_of(known, snapshot)[1], &snapshot.gpus[1]);
  // In another boot an index says nothing.
  snapshot.boot_id = "boot-2";
  EXPECT_EQ(frames_of(known, snapshot)[1], nullptr);
}

// NVML counts one less and moves the indices up.
TEST(Inventory, AGpuThatIsNotCountedStaysListedAsMissing) {
  const Inventory known = first(3);
  Snapshot fewer = answered(kStart + 1s, {frame(0, kStart), frame(2, kStart)});
  fewer.gpus[1].index = 1;
  auto got = update(known, fewer, {});
  ASSERT_EQ(got.inventory.gpus.size(), 3u);
  for (const KnownGpu& gpu : got.inventory.gpus) {
    EXPECT_EQ(gpu.missing, gpu.uuid == "GPU-1");
  }
  ASSERT_EQ(got.changes.size(), 1u);
  EXPECT_NE(got.changes[0].find("GPU-1 at 0000:10:00.0) is missing"),
            std::string::npos);
  // Said once.
  got = update(got.inventory, fewer, {});
  EXPECT_TRUE(got.changes.empty());
  // And back.
  got = update(got.inventory, answered(kStart + 2s, 3), {});
  EXPECT_EQ(got.inventory, known);
  EXPECT_EQ(got.changes.size(), 1u);
}

TEST(Inventory, ALaterBootThatCountsWithoutItForgetsIt) {
  const Inventory known = first(3);
  Snapshot fewer = answered(kStart + 1s, 2);
  fewer.boot_id = "boot-2";
  const auto got = update(known, fewer, {});
  EXPECT_EQ(uuids(got.inventory), (Words{"GPU-0", "GPU-1"}));
  EXPECT_EQ(got.inventory.boot_id, "boot-2");
  ASSERT_EQ(got.changes.size(), 1u);
  EXPECT_NE(got.changes[0].find("no longer listed"), std::string::npos);
}

TEST(Inventory, AnotherGpuAtItsAddressTakesItsPlace) {
  const Inventory known = first(2);
  Snapshot other = answered(kStart + 1s, 2);
  set(other.gpus[1], field::kUuid,
      reading_of(std::string("GPU-new"), kStart + 1s));
  const auto got = update(known, other, {});
  EXPECT_EQ(uuids(got.inventory), (Words{"GPU-0", "GPU-new"}));
  EXPECT_EQ(got.changes.size(), 2u);
}

TEST(Inventory, I4_a_mig_change_shows_at_once) {
  Inventory known =
      update({},
             answered(kStart, {mig_frame(0, kStart, {"3g.48gb", "1g.12gb"})}),
             {})
          .inventory;
  auto got = update(
      known, answered(kStart + 1s, {mig_frame(0, kStart + 1s, {"7g.96gb"})}),
      {});
  ASSERT_EQ(got.inventory.gpus[0].mig.size(), 1u);
  EXPECT_EQ(got.inventory.gpus[0].mig[0].profile, "7g.96gb");
  EXPECT_EQ(got.changes.size(), 1u);
  // Switched off.
  got = update(known, answered(kStart + 1s, 1), {});
  EXPECT_TRUE(got.inventory.gpus[0].mig.empty());
  EXPECT_EQ(got.inventory.gpus[0].mig_on, false);
  Snapshot off = answered(kStart + 1s, 1);
  off.gpus[0].mig.status = reading_error(999, "UNKNOWN", kStart);
  EXPECT_TRUE(update(known, off, {}).inventory.gpus[0].mig.empty());
}

TEST(Inventory, WhoDoesNotAnswerKeepsItsIndex) {
  const Inventory known = first(2);
  Snapshot moved = answered(kStart + 1s, 2);
  moved.gpus = {lost_frame(1, kStart), frame(0, kStart)};
  moved.gpus[0].index = 0;
  moved.gpus[1].index = 1;
  const Inventory got = update(known, moved, {}).inventory;
  for (const KnownGpu& gpu : got.gpus) EXPECT_EQ(gpu.index, 1) << gpu.uuid;
}

TEST(Inventory, MigThatCannotBeReadStaysAsItWas) {
  const Inventory known =
      update({},
             answered(kStart, {mig_frame(0, kStart, {"3g.48gb", "1g.12gb"})}),
             {})
          .inventory;
  Snapshot snapshot = answered(
      kStart + 1s, {mig_frame(0, kStart + 1s, {"3g.48gb", "1g.12gb"})});
  Gpu& gpu = snapshot.gpus[0];
  gpu.mig.items[1].uuid.clear();
  EXPECT_EQ(update(known, snapshot, {}).inventory, known);
  gpu.mig.items.clear();
  gpu.mig.status = reading_error(999, "UNKNOWN", kStart);
  set(gpu, field::kMigMode, reading_error(999, "UNKNOWN", kStart));
  EXPECT_EQ(update(known, snapshot, {}).inventory, known);
  // A GPU that cannot do it.
  set(gpu, field::kMigMode, reading_unsupported(kStart));
  EXPECT_EQ(update({}, snapshot, {}).inventory.gpus[0].mig_on, false);
}

TEST(Inventory, DisplaysAndGpusWithoutANameAreNotListed) {
  Snapshot snapshot = answered(kStart, 3);
  set(snapshot.gpus[0], field::kName,
      reading_of(std::string("NVIDIA DGX Display"), kStart));
  snapshot.gpus[1] = lost_frame(1, kStart);
  EXPECT_EQ(uuids(update({}, snapshot, {}).inventory), Words{"GPU-2"});
}

TEST(Inventory, AnIdIsListedOnce) {
  Snapshot snapshot = answered(kStart, 2);
  set(snapshot.gpus[1], field::kUuid, reading_of(std::string("GPU-0"), kStart));
  EXPECT_EQ(uuids(update({}, snapshot, {}).inventory), Words{"GPU-0"});
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
