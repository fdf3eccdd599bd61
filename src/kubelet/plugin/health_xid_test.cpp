// Health by Xids, and what ends them.
#include <gtest/gtest.h>

#include "kubelet/plugin/node_for_tests.h"
#include "kubelet/plugin/saved_state.h"

namespace gpuward::kubelet::plugin {
namespace {

TEST(Health, H1_ignored_xids_and_those_of_applications_say_nothing) {
  Node node = healthy_node();
  for (const int code : {13, 31, 43, 45, 68, 109, 8, 69}) node.xid(0, code);
  node.answer_for(5s);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, H1_what_is_disabled_says_nothing) {
  Node node = healthy_node();
  node.settings.xids = XidFilter("79", "");
  node.xid(0, 79);
  node.xid(1, 48);
  node.answer_for(5s);
  EXPECT_EQ(node.health(), "10");
}

TEST(Health, H3_an_xid_that_asks_for_a_reset_outlives_good_rounds) {
  Node node = healthy_node();
  node.wait(1s);
  node.xid(1, 79, "GPU has fallen off the bus.");
  node.answer_for(1h);
  EXPECT_EQ(node.health(), "10");
  EXPECT_EQ(node.reason(1), "Xid 79: GPU has fallen off the bus.");
}

TEST(Health, H3_a_passing_xid_ends_with_rounds_that_answer) {
  Node node = healthy_node();
  node.wait(5s);
  Snapshot same = node.round();
  node.see(same);
  node.wait(1s);
  node.xid(1, 37);
  same.xids = node.xids;
  same.taken_at = node.wall();
  node.see(same);
  EXPECT_EQ(node.health(), "10");
  node.answer_for(10s);
  EXPECT_EQ(node.health(), "10");
  node.answer_for(5s);
  EXPECT_EQ(node.health(), "11");
  // It stays in the log, and a round that is under way changes nothing.
  Snapshot slow = hung(node.wall(), node.wall(), 0, "x");
  slow.probes[0].state = Probe::State::slow;
  slow.xids = node.xids;
  node.see(slow);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, APassingXidOfLongAgoIsNoReasonAtTheStart) {
  Node node;
  node.inventory = healthy_node().inventory;
  node.xid(0, 37);
  node.wait(1h);
  Snapshot slow = hung(node.wall(), node.wall(), 0, "x");
  slow.probes[0].state = Probe::State::slow;
  slow.xids = node.xids;
  node.see(slow);
  node.see_round();
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, H3_another_boot_is_evidence_of_a_reset) {
  Node node = node_with_xid(48);
  node.xids.clear();
  node.wait(1min);
  Snapshot snapshot = node.round();
  snapshot.boot_id = "boot-2";
  node.see(snapshot);
  node.wait(15s);
  snapshot = node.round();
  snapshot.boot_id = "boot-2";
  node.see(snapshot);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, H3_a_driver_that_was_loaded_after_it_is_evidence) {
  Node node = node_with_xid(48);
  const Wall loaded = node.wall();
  for (int i = 0; i < 3; ++i) {
    node.wait(5s);
    Snapshot snapshot = node.round();
    snapshot.driver_loaded_at = loaded;
    node.see(snapshot);
  }
  EXPECT_EQ(node.health(), "11");
  // One that came after that counts.
  node.wait(1s);
  node.xid(1, 48);
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "10");
}

TEST(Health, H3_a_recovery_that_is_asked_for_no_longer_is_evidence) {
  Node node = node_with_xid(48);
  // "none" alone is none: the driver has never asked.
  node.answer_for(1h);
  ASSERT_EQ(node.health(), "10");
  node.wait(5s);
  Snapshot snapshot = node.round();
  set(snapshot.gpus[1], field::kRecoveryAction,
      reading_of(std::string("reset the GPU"), node.wall()));
  node.see(snapshot);
  EXPECT_EQ(node.health(), "10");
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, H3_ecc_counters_that_begin_anew_are_evidence) {
  Node node = healthy_node();
  const auto see_with = [&node](int64_t count) {
    node.wait(5s);
    Snapshot snapshot = node.round();
    set(snapshot.gpus[1], field::kEccVolatileUncorrected,
        reading_of(count, node.wall()));
    node.see(snapshot);
  };
  node.xid(1, 48);
  for (int i = 0; i < 10; ++i) see_with(2);
  EXPECT_EQ(node.health(), "10");
  for (int i = 0; i < 4; ++i) see_with(0);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, H3_the_drivers_own_word_counts) {
  const std::string asks =
      "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)";
  const std::string no_more =
      "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)";
  Node node = node_with_xid(95);
  node.xid(1, 154, asks);
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "10");
  node.xids.back() = {pci_of(1), 154, node.wall(), {}, {}, no_more};
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, ARecoveryThatTheReadingDeniesIsNotAskedForAnyMore) {
  Node node = healthy_node();
  node.wait(1s);
  node.xid(1, 154,
           "GPU recovery action changed from 0x0 (None) to 0x4 (Drain and "
           "Reset)");
  node.see([&] {
    Snapshot snapshot = node.round();
    snapshot.gpus[1].readings.erase(std::string(field::kRecoveryAction));
    return snapshot;
  }());
  EXPECT_EQ(node.health(), "10");
  node.answer_for(15s);  // "none", read later
  EXPECT_EQ(node.health(), "11");
}

// The agent restarted, and the ring no longer has it.
TEST(Health, H3_an_xid_is_kept_for_its_boot) {
  Node node = node_with_xid(64);
  node.xids.clear();
  node.answer_for(1min);
  EXPECT_EQ(node.health(), "10");
  Node restarted;
  restarted.state =
      saved_state_from(to_text(node.inventory, node.state))->health;
  restarted.wait(2h);
  restarted.answer_for(1min);
  EXPECT_EQ(restarted.health(), "10");
}

TEST(Health, AResetThatWasSeenIsRememberedAcrossARestart) {
  Node node = node_with_xid(48);
  const auto xids = node.xids;
  node.wait(5s);
  Snapshot asked = node.round();
  set(asked.gpus[1], field::kRecoveryAction,
      reading_of(std::string("reset the GPU"), node.wall()));
  node.see(asked);
  node.answer_for(15s);
  ASSERT_EQ(node.health(), "11");
  Node restarted;
  restarted.state =
      saved_state_from(to_text(node.inventory, node.state))->health;
  restarted.xids = xids;
  restarted.wait(2h);
  restarted.see_round();
  EXPECT_EQ(restarted.health(), "11");
}

TEST(Health, XidsAreBounded) {
  Node node = healthy_node();
  for (int i = 0; i < 1000; ++i) {
    node.xids.push_back({pci_of(1), i, node.wall() + Millis(i), {}, {}, ""});
  }
  node.answer_for(5s);
  EXPECT_EQ(node.state.xids.size(), 256u);
  EXPECT_EQ(node.state.xids.back().code, 999);
}

// A GPU with two MIG devices, in instances 1/0 and 2/0.
std::string mig_health(std::optional<int> gpu_instance,
                       std::optional<int> compute_instance) {
  Node node(0);
  const auto round = [&node] {
    Snapshot out = answered(node.wall(),
                            {mig_frame(0, node.wall(), {"3g.48gb", "3g.48gb"}),
                             mig_frame(1, node.wall(), {"3g.48gb"})});
    out.xids = node.xids;
    return out;
  };
  node.see(round());
  node.wait(1s);
  node.xids = {
      {pci_of(0), 94, node.wall(), gpu_instance, compute_instance, ""}};
  node.wait(5s);
  node.see(round());
  std::string out;
  for (const char* uuid : {"MIG-0-0", "MIG-0-1", "MIG-1-0"}) {
    out += is_healthy(node.state, uuid) ? '1' : '0';
  }
  return out;
}

TEST(Health, H2_an_xid_of_an_instance_is_of_that_one_alone) {
  EXPECT_EQ(mig_health(1, 0), "011");
  EXPECT_EQ(mig_health(2, 0), "101");
  EXPECT_EQ(mig_health(2, std::nullopt), "101");
  EXPECT_EQ(mig_health(7, std::nullopt), "111");
  EXPECT_EQ(mig_health(std::nullopt, 0), "001");
  EXPECT_EQ(mig_health(std::nullopt, 1), "111");
  EXPECT_EQ(mig_health(std::nullopt, std::nullopt), "001");
}

TEST(Health, H2_all_mig_devices_of_a_lost_gpu_are_unhealthy) {
  Node node(0);
  node.see(answered(node.wall(), {mig_frame(0, node.wall(), {"1g", "1g"}),
                                  mig_frame(1, node.wall(), {"1g"})}));
  node.wait(5s);
  node.see(answered(node.wall(), {lost_frame(0, node.wall()),
                                  mig_frame(1, node.wall(), {"1g"})}));
  EXPECT_FALSE(is_healthy(node.state, "MIG-0-0"));
  EXPECT_FALSE(is_healthy(node.state, "MIG-0-1"));
  EXPECT_TRUE(is_healthy(node.state, "MIG-1-0"));
}

TEST(Health, WhatTheInventoryHasNoLongerIsForgotten) {
  Node node(0);
  node.see(answered(node.wall(), {mig_frame(0, node.wall(), {"1g", "1g"})}));
  EXPECT_EQ(node.state.units.size(), 3u);
  node.wait(5s);
  node.see(answered(node.wall(), {mig_frame(0, node.wall(), {"1g"})}));
  EXPECT_EQ(node.state.units.size(), 2u);
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
