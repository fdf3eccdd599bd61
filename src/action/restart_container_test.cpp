#include "action/restart_container.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "host/task.h"
#include "model/container_arguments.h"

namespace gpuward::action {
namespace {

class RestartContainer : public ::testing::Test {
 protected:
  RestartContainer() {
    container_.label = "web";
    container_.runtime = "docker";
    // So that no docker can know it, should there be one.
    container_.id = "0123456789abcdef0000000000000000";
    container_.pid = ::getpid();
    container_.start_time =
        host::task_stat(*host::Root::open("/"), ::getpid())->start_time;
  }
  static host::Host host() {
    return {*host::Root::open("/"), *host::Root::open("/"), "", "", false, ""};
  }
  Step step() const {
    Step out;
    out.action = kRestartContainer;
    out.arguments = arguments_of(container_);
    return out;
  }
  void expect_refused(std::string_view part) const {
    const auto checked = restart_container().check(host(), step());
    ASSERT_FALSE(checked) << part;
    EXPECT_NE(checked.error().text.find(part), std::string::npos)
        << checked.error().text;
  }

  Container container_;
};

TEST_F(RestartContainer, IsForDockerAndPodman) {
  EXPECT_TRUE(restart_container().check(host(), step()));
  container_.runtime = "containerd";
  expect_refused("containerd has no command");
}

TEST_F(RestartContainer, APodIsItsOwners) {
  container_.pod = "train";
  container_.pod_namespace = "ml";
  expect_refused("kubectl delete pod -n ml train");
}

TEST_F(RestartContainer, AnIdIsNoOption) {
  container_.id = "--all";
  expect_refused("is no id");
  container_.id = "";
  expect_refused("is no id");
}

TEST_F(RestartContainer, OneThatHasEndedIsLeft) {
  container_.start_time += 1;
  expect_refused("has ended");
  EXPECT_FALSE(restart_container().undo(host(), step(), {}));
}

TEST_F(RestartContainer, WhatDidNotBeginNeedsNoUndoing) {
  // No docker here, or one that does not know it.
  EXPECT_FALSE(restart_container().run(host(), step()));
  EXPECT_EQ(restart_container().verify(host(), step()).error().text,
            "it was not restarted");
  EXPECT_TRUE(restart_container().undo(host(), step(), {}));
}

}  // namespace
}  // namespace gpuward::action
