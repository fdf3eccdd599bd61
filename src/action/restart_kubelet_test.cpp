#include "action/restart_kubelet.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

constexpr std::string_view kWaits =
    R"(I0730 20:39:03.752764   25493 kubelet.go:2343] "SyncLoop ADD" source="api" pods=[ml/train-0]
W0730 20:49:12.330714   25493 watcher.go:93] Error while processing event
)";

class RestartKubelet : public ::testing::Test {
 protected:
  RestartKubelet() {
    task(25493, "kubelet");
    tree_.file("/proc/uptime", "1000.00 1\n");
    tree_.file("/var/log/kubelet.log", kWaits);
    step_.arguments.set("unit", "kubelet.service");
    step_.arguments.set("pid", 25493);
    step_.arguments.set("start_time", 100);
  }
  void task(int pid, std::string_view comm) {
    tree_.file(fmt::format("/proc/{}/stat", pid),
               fmt::format("{} ({}) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 "
                           "100 0 0",
                           pid, comm));
  }
  host::Host host() const {
    return {*host::Root::open(tree_.path()),
            *host::Root::open(tree_.path()),
            "",
            "",
            false,
            ""};
  }
  std::string refusal() const {
    const auto checked = restart_kubelet().check(host(), step_);
    return checked ? "" : checked.error().text;
  }

  TempTree tree_;
  Step step_;
};

TEST_F(RestartKubelet, AnAdmissionIsProvedByWhatTheLoopDoesNext) {
  EXPECT_FALSE(completed_admission(host(), {31207}));
  tree_.file(
      "/var/log/kubelet.log",
      std::string(kWaits) +
          R"(I0730 20:49:13.0   25493 kubelet.go:2] "SyncLoop UPDATE" source="api" pods=[ml/train-0])");
  const auto done = completed_admission(host(), {31207});
  ASSERT_TRUE(done);
  EXPECT_NE(done->find("SyncLoop UPDATE"), std::string::npos);
}

TEST_F(RestartKubelet, AKubeletThatOnlyStartedProvesNothing) {
  task(30001, "kubelet");
  tree_.file("/var/log/kubelet.log",
             std::string(kWaits) +
                 "I0730 20:50:00.000000   30001 server.go:1] \"Started\"\n");
  EXPECT_FALSE(completed_admission(host(), {31207}));
  tree_.file(
      "/var/log/kubelet.log",
      std::string(kWaits) +
          R"(I0730 20:50:00.1   30001 kubelet.go:2] "SyncLoop ADD" source="file" pods=[])");
  EXPECT_FALSE(completed_admission(host(), {31207}));
}

TEST_F(RestartKubelet, OrByAPluginThatTheKubeletStartedSince) {
  task(31207, "nvidia-device-p");
  EXPECT_FALSE(completed_admission(host(), {31207}));
  task(40001, "nvidia-device-p");
  const auto done = completed_admission(host(), {31207});
  ASSERT_TRUE(done);
  EXPECT_NE(done->find("process 40001"), std::string::npos);
}

TEST_F(RestartKubelet, IsNotNeededWhereAnAdmissionCompletes) {
  tree_.directory("/var/log/pods/ml_train-0_69e0");
  const auto checked = restart_kubelet().check(host(), step_);
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_TRUE(checked->already);
  EXPECT_TRUE(checked->text.starts_with("not needed: "));
}

TEST_F(RestartKubelet, IsForTheKubeletsOwnUnit) {
  step_.arguments.set("unit", "ssh.service");
  EXPECT_EQ(refusal(), "only kubelet.service is restarted");
}

TEST_F(RestartKubelet, OneThatWasRestartedMeanwhileIsLeft) {
  step_.arguments.set("start_time", 99);
  const auto checked = restart_kubelet().check(host(), step_);
  ASSERT_TRUE(checked && checked->already);
  EXPECT_FALSE(restart_kubelet().undo(host(), step_, {}));
}

TEST_F(RestartKubelet, WhatDidNotBeginNeedsNoUndoing) {
  EXPECT_FALSE(restart_kubelet().run(host(), step_));  // no systemd here
  EXPECT_TRUE(restart_kubelet().undo(host(), step_, {}));
}

TEST_F(RestartKubelet, ASimulatedNodeHasNone) {
  host::Host simulated = host();
  simulated.simulated = true;
  EXPECT_FALSE(restart_kubelet().check(simulated, step_));
}

}  // namespace
}  // namespace gpuward::action
