#include "kubelet/plugin/health.h"

#include <gtest/gtest.h>

#include "kubelet/plugin/node_for_tests.h"
#include "kubelet/plugin/saved_state.h"

namespace gpuward::kubelet::plugin {
namespace {

TEST(Health, TheFirstGoodRoundIsEnoughAtTheStart) {
  Node node;
  node.see(std::nullopt);
  EXPECT_EQ(node.health(), "");
  node.see_round();
  EXPECT_EQ(node.health(), "11");
  EXPECT_EQ(node.reason(0), "");
}

TEST(Health, P3_without_a_snapshot_what_was_saved_is_unhealthy) {
  Node node = healthy_node();
  const auto saved = saved_state_from(to_text(node.inventory, node.state));
  ASSERT_TRUE(saved.has_value());
  Node restarted;
  restarted.inventory = saved->inventory;
  restarted.state = saved->health;
  EXPECT_EQ(restarted.health(), "00");
  EXPECT_EQ(restarted.reason(0), "nothing has been heard of it yet");
  restarted.see(std::nullopt);
  EXPECT_EQ(restarted.health(), "00");
  restarted.see(hung(restarted.wall(), restarted.wall() - 1h));
  EXPECT_EQ(restarted.health(), "00");
  EXPECT_NE(restarted.reason(0).find("nvmlInit_v2"), std::string::npos);
}

TEST(Health, WhatWasWellBeforeARestartIsWellWithTheFirstRound) {
  Node node = healthy_node();
  Node restarted;
  restarted.state =
      saved_state_from(to_text(node.inventory, node.state))->health;
  restarted.see_round();
  EXPECT_EQ(restarted.health(), "11");
}

TEST(Health, WhatWasUnhealthyBeforeARestartIsNotWellByOneRound) {
  Node node = healthy_node();
  node.stay_for(5s);
  node.see(hung(node.wall(), node.wall() - 1h));
  ASSERT_EQ(node.health(), "00");
  Node restarted;
  restarted.state =
      saved_state_from(to_text(node.inventory, node.state))->health;
  restarted.wait(1min);
  restarted.see_round();
  EXPECT_EQ(restarted.health(), "00");
  restarted.answer_for(10s);
  EXPECT_EQ(restarted.health(), "11");
}

// Neither is a hang of a moment at the start one.
TEST(Health, WhatWasNotJudgedYetIsWellWithTheFirstRound) {
  Node node = healthy_node();
  Node restarted;
  restarted.inventory = node.inventory;
  restarted.see(hung(restarted.wall(), restarted.wall() - 15s));
  ASSERT_EQ(restarted.health(), "00");
  const auto saved =
      saved_state_from(to_text(restarted.inventory, restarted.state));
  restarted.wait(5s);
  restarted.see_round();
  EXPECT_EQ(restarted.health(), "11");
  Node again;
  again.state = saved->health;
  again.see_round();
  EXPECT_EQ(again.health(), "11");
}

TEST(Health, P4_nothing_changes_where_nothing_happens) {
  Node node = healthy_node();
  Resource resource{.name = "nvidia.com/gpu"};
  resource.devices = {{.id = "GPU-0", .uuid = "GPU-0", .numa_nodes = {1}},
                      {.id = "GPU-1::0", .uuid = "GPU-1"},
                      {.id = "GPU-1::1", .uuid = "GPU-1"}};
  const auto before = to_devices(resource, node.state);
  ASSERT_EQ(before.size(), 3u);
  EXPECT_TRUE(before[0].healthy);
  EXPECT_EQ(before[0].numa_nodes, std::vector<int64_t>{1});
  const std::string text = to_text(node.inventory, node.state);
  for (int i = 0; i < 100; ++i) {
    node.answer_for(15s);
    node.stay_for(15s);
    EXPECT_EQ(to_devices(resource, node.state), before);
    EXPECT_EQ(to_text(node.inventory, node.state), text);
  }
  EXPECT_TRUE(reasons(resource, node.state).empty());
  node.state.units["GPU-1"].healthy = false;
  node.state.units["GPU-1"].reason = "x";
  EXPECT_FALSE(to_devices(resource, node.state)[2].healthy);
  EXPECT_EQ(reasons(resource, node.state),
            std::vector<std::string>{"GPU-1: x"});
  resource.problem = "y";
  EXPECT_FALSE(to_devices(resource, node.state)[0].healthy);
}

TEST(Health, H3_a_hang_is_borne_for_the_tolerance) {
  Node node = healthy_node();
  node.wait(5s);
  const Wall since = node.wall();
  node.wait(15s);  // the deadline of nvmlInit
  node.see(hung(node.wall(), since));
  EXPECT_EQ(node.health(), "11");
  node.stay_for(10s);
  EXPECT_EQ(node.health(), "11");
  node.stay_for(5s);  // 30 s since it began
  EXPECT_EQ(node.health(), "00");
  EXPECT_EQ(node.reason(0), "the probe does not come back from nvmlInit_v2");
}

// A prober in user space is ended and another one sent, with growing pauses.
TEST(Health, H3_several_hangs_in_a_row_are_one) {
  Node node = healthy_node();
  node.settings.hang_tolerance = 1min;
  for (int i = 0; i < 3; ++i) {
    const Wall since = node.wall();
    node.wait(15s);
    node.see(hung(node.wall(), since));
    node.stay_for(5s);
    Snapshot again = hung(node.wall(), node.wall());
    again.probes[0].state = Probe::State::slow;
    node.see(again);
    EXPECT_EQ(node.health(), i < 2 ? "11" : "00") << i;
  }
}

TEST(Health, H3_a_call_that_is_slow_for_long_is_a_hang) {
  Node node = healthy_node();
  node.wait(5s);
  Snapshot slow = hung(node.wall(), node.wall(), 1, "nvmlDeviceGetHandle");
  slow.probes[0].state = Probe::State::slow;
  slow.gpus = {frame(0, node.wall()), unknown_frame(1, node.wall())};
  slow.gpu_count = reading_of(int64_t{2}, node.wall());
  node.see(slow);
  node.stay_for(25s);
  EXPECT_EQ(node.health(), "11");
  node.stay_for(5s);
  EXPECT_EQ(node.health(), "10");
  // A handle has 60 s; then a second probe is sent for the others.
  node.stay_for(30s);
  EXPECT_EQ(node.health(), "10");
}

TEST(Health, H3_a_hang_ends_when_something_answers_not_when_a_round_begins) {
  Node node = healthy_node();
  node.wait(15s);
  node.see(hung(node.wall(), node.wall() - 15s));
  ASSERT_EQ(node.health(), "11");
  for (int i = 0; i < 3; ++i) {
    node.wait(5s);
    Snapshot slow = hung(node.wall(), node.wall() - 1s);
    slow.probes[0].state = Probe::State::slow;
    node.see(slow);
  }
  EXPECT_EQ(node.health(), "00");
}

TEST(Health, ARoundThatIsSlowAndMovesIsNoHang) {
  Node node = healthy_node();
  for (int i = 0; i < 100; ++i) {
    node.wait(5s);
    Snapshot slow = hung(node.wall(), node.wall() - 2s, 0, "nvmlDeviceGetName");
    slow.probes[0].state = Probe::State::slow;
    node.see(slow);
  }
  EXPECT_EQ(node.health(), "11");
}

// One client hangs; the agent's probes come back.
TEST(Health, ALateClientIsNoReasonWhileProbesAnswer) {
  Node node = healthy_node();
  for (int i = 0; i < 20; ++i) {
    node.wait(15s);
    Snapshot snapshot = node.round();
    StuckTask client;
    client.comm = "python3";
    client.state = 'D';
    client.in_driver = true;
    snapshot.other_tasks = {client};
    node.see(snapshot);
  }
  EXPECT_EQ(node.health(), "11");
}

Snapshot one_hangs(const Node& node, Wall since) {
  Snapshot snapshot = answered(node.wall(), 2);
  snapshot.gpus[1] = unknown_frame(1, node.wall());
  Probe first = hung(node.wall(), since, 1, "nvmlDeviceGetHandle").probes[0];
  Probe second;
  second.state = Probe::State::answering;
  second.slot = 2;
  second.left_out = {1};
  snapshot.probes = {first, second};
  return snapshot;
}

TEST(Health, H3_where_a_second_probe_answers_only_the_hung_gpu_is_unhealthy) {
  Node node = healthy_node();
  node.wait(1min);
  node.see(one_hangs(node, node.wall() - 60s));
  EXPECT_EQ(node.health(), "10");
  for (int i = 0; i < 20; ++i) {
    node.wait(15s);
    node.see(one_hangs(node, node.wall() - 60s));
    EXPECT_EQ(node.health(), "10");
  }
  // The second one hangs as well.
  const Wall since = node.wall();
  Snapshot both = one_hangs(node, since - 1h);
  both.probes[1] = hung(since, since, 0, "nvmlDeviceGetName").probes[0];
  node.see(both);
  EXPECT_EQ(node.health(), "10");
  node.stay_for(30s);
  EXPECT_EQ(node.health(), "00");
}

TEST(Health, TheOthersAreNotBlamedBeforeTheSecondProbeHasSpoken) {
  Node node = healthy_node();
  node.wait(1min);
  Snapshot alone = one_hangs(node, node.wall() - 60s);
  alone.probes.pop_back();
  node.see(alone);
  EXPECT_EQ(node.health(), "10");
  Snapshot starting = one_hangs(node, node.wall() - 60s);
  starting.probes[1].state = Probe::State::slow;
  node.see(starting);
  EXPECT_EQ(node.health(), "10");
}

TEST(Health, H3_one_lucky_call_heals_nothing) {
  Node node = healthy_node();
  node.wait(1h);
  node.see(hung(node.wall(), node.wall() - 1h));
  ASSERT_EQ(node.health(), "00");
  // One round answers; its word stays in the file for long.
  node.wait(5s);
  node.see_round();
  EXPECT_EQ(node.health(), "00");
  EXPECT_NE(node.reason(0).find("it answers again"), std::string::npos);
  node.stay_for(5min);
  EXPECT_EQ(node.health(), "00");
  // The next one does.
  node.see_round();
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, H3_rounds_must_answer_for_the_recovery_time) {
  Node node = healthy_node();
  node.wait(1h);
  node.see(hung(node.wall(), node.wall() - 1h));
  for (int i = 0; i < 5; ++i) {
    // Well for less than that, and hung anew.
    node.answer_for(10s);
    EXPECT_EQ(node.health(), "00");
    node.wait(20s);
    node.see(hung(node.wall(), node.wall() - 15s));
  }
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, NoSnapshotOrAnOldOneIsAHang) {
  Node node = healthy_node();
  for (int i = 0; i < 29; ++i) {
    node.wait(1s);
    node.look();
  }
  EXPECT_EQ(node.health(), "11");
  node.wait(1s);
  node.look();
  EXPECT_EQ(node.health(), "00");
  EXPECT_NE(node.reason(0).find("is the agent running"), std::string::npos);
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "11");
  node.see(std::nullopt);
  node.wait(29s);
  node.see(std::nullopt);
  EXPECT_EQ(node.health(), "11");
  node.wait(1s);
  node.see(std::nullopt);
  EXPECT_EQ(node.health(), "00");
}

TEST(Health, ASnapshotThatIsOldAtTheStartIsNoEvidence) {
  Node node;
  const Snapshot old = answered(node.wall(), 2);
  node.wait(1h);
  node.see(old);
  EXPECT_EQ(node.health(), "00");
}

// The wall clock was set by an hour, and the agent goes on writing.
TEST(Health, AClockThatJumpsMakesNothingOld) {
  Node node = healthy_node();
  node.wait(5s);
  Snapshot snapshot = answered(node.wall() - 1h, 2);
  node.see(snapshot);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, ProbesThatAreNotRunAreAHang) {
  Node node = healthy_node();
  Snapshot released;
  released.boot_id = "boot-1";
  released.probes.emplace_back();
  released.probes[0].why = "released until 14:02:11";
  released.taken_at = node.wall() + 1s;
  node.see(released);
  node.stay_for(25s);
  EXPECT_EQ(node.health(), "11");
  node.stay_for(5s);
  EXPECT_EQ(node.health(), "00");
  EXPECT_EQ(node.reason(0), "the probe was not run: released until 14:02:11");
}

TEST(Health, H2_a_lost_gpu_is_the_only_one) {
  Node node = healthy_node(8);
  node.wait(5s);
  Snapshot snapshot = node.round();
  snapshot.gpus[3] = lost_frame(3, node.wall());
  node.see(snapshot);
  EXPECT_EQ(node.health(), "11101111");
  EXPECT_EQ(node.reason(3), "it gives no handle: GPU_IS_LOST");
  // A handle was had, and then it left.
  snapshot = node.round();
  set(snapshot.gpus[4], field::kTemperature,
      reading_error(15, "GPU_IS_LOST", node.wall()));
  node.see(snapshot);
  EXPECT_EQ(node.health()[4], '0');
}

TEST(Health, AMissingGpuIsUnhealthyAtOnce) {
  Node node = healthy_node(3);
  node.wait(5s);
  node.see(answered(node.wall(), 2));
  EXPECT_EQ(node.health(), "110");
  EXPECT_NE(node.reason(2).find("missing"), std::string::npos);
}

TEST(Health, H4_a_driver_that_is_reloaded_needs_no_restart_of_ours) {
  Node node = healthy_node();
  node.wait(5s);
  Snapshot unloaded = answered(node.wall(), std::vector<Gpu>());
  unloaded.init = reading_error(9, "DRIVER_NOT_LOADED", node.wall());
  unloaded.gpu_count = {};
  node.see(unloaded);
  EXPECT_EQ(node.health(), "00");
  EXPECT_EQ(node.reason(0), "NVML does not start: DRIVER_NOT_LOADED");
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "11");
}

TEST(Health, WhatTheReadingsSayIsBelieved) {
  const auto after = [](std::string_view field, Value value) {
    Node node = healthy_node();
    node.wait(5s);
    Snapshot snapshot = node.round();
    set(snapshot.gpus[1], field, reading_of(std::move(value), node.wall()));
    node.see(snapshot);
    const std::string bad = node.health();
    node.answer_for(15s);
    return bad + " " + node.health();
  };
  EXPECT_EQ(after(field::kRowsFailed, true), "10 11");
  EXPECT_EQ(after(field::kRecoveryAction, std::string("drain and reset")),
            "10 11");
  EXPECT_EQ(after(field::kRecoveryAction, std::string("none")), "11 11");
  EXPECT_EQ(after(field::kRowsPending, true), "11 11");
}

TEST(Health, WhatCannotBeReadIsNoReason) {
  Node node = healthy_node();
  node.wait(5s);
  Snapshot snapshot = node.round();
  set(snapshot.gpus[1], field::kRowsFailed, reading_unsupported(node.wall()));
  set(snapshot.gpus[1], field::kRecoveryAction,
      reading_error(999, "UNKNOWN", node.wall()));
  node.see(snapshot);
  EXPECT_EQ(node.health(), "11");
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
