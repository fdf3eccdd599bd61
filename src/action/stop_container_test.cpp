#include "action/stop_container.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/task.h"
#include "plan/plan_kubelet.h"

namespace gpuward::action {
namespace {

// A child that has the plugin's name and sleeps until it is ended.
class StopContainer : public ::testing::Test {
 protected:
  void SetUp() override {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_NAME, "nvidia-device-plugin");
      (void)!::write(ready[1], "x", 1);
      for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    set("pid", child_);
    const auto stat = host::task_stat(*host::Root::open("/"), child_);
    set("start_time", static_cast<int64_t>(stat->start_time));
    set("runtime", "containerd");
    set("id", "0123456789abcdef0123456789abcdef");
    set("socket", "/nowhere/containerd.sock");
  }
  void TearDown() override { end(); }
  void end() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }
  void set(std::string_view key, Json value) {
    step_.arguments.set(key, std::move(value));
  }
  static host::Host host() {
    return {*host::Root::open("/"), *host::Root::open("/"), "", "", false, ""};
  }
  void expect_refused(std::string_view part) const {
    const auto checked = stop_container().check(host(), step_);
    ASSERT_FALSE(checked) << part;
    EXPECT_NE(checked.error().text.find(part), std::string::npos)
        << checked.error().text;
  }

  pid_t child_ = 0;
  Step step_;
};

TEST_F(StopContainer, IsForTheRuntimesOfAKubelet) {
  EXPECT_TRUE(stop_container().check(host(), step_));
  set("runtime", "podman");
  expect_refused("no way to stop");
}

TEST_F(StopContainer, AnIdIsNoOption) {
  set("id", "--all");
  expect_refused("is no id");
  set("id", "abc");
  expect_refused("is no id");
}

TEST_F(StopContainer, NothingButThePluginIsStopped) {
  const auto self = host::task_stat(*host::Root::open("/"), ::getpid());
  set("pid", ::getpid());
  set("start_time", static_cast<int64_t>(self->start_time));
  expect_refused("not NVIDIA's device plugin");
}

TEST_F(StopContainer, OneThatHasEndedNeedsNothing) {
  end();
  const auto checked = stop_container().check(host(), step_);
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->already);
  EXPECT_TRUE(stop_container().verify(host(), step_));
  EXPECT_EQ(stop_container().undo(host(), step_, {}).error().kind,
            Error::Kind::gone);
}

TEST_F(StopContainer, WhatDidNotBeginNeedsNoUndoing) {
  // No runtime here, or one that does not know it.
  EXPECT_FALSE(stop_container().run(host(), step_));
  EXPECT_TRUE(stop_container().undo(host(), step_, {}));
}

TEST_F(StopContainer, TheNextToolServesWhereOneIsNotInstalled) {
  const auto both = stop_commands(step_.arguments);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].front(), "crictl");
  EXPECT_EQ(both[1].front(), "ctr");
  set("runtime", "cri-o");
  EXPECT_EQ(stop_commands(step_.arguments).size(), 1u);
  set("runtime", "docker");
  EXPECT_EQ(stop_commands(step_.arguments).at(0).front(), "docker");
}

TEST_F(StopContainer, ASimulatedNodeHasNone) {
  host::Host simulated = host();
  simulated.simulated = true;
  EXPECT_FALSE(stop_container().check(simulated, step_));
}

}  // namespace
}  // namespace gpuward::action
