#include "plan/plan_containers.h"

#include <gtest/gtest.h>

#include "model/container_arguments.h"

namespace gpuward::plan {
namespace {

Container docker() {
  Container out;
  out.label = "tv";
  out.runtime = "docker";
  out.id = "bc045274b44b";
  out.name = "tv";
  out.pid = 4711;
  out.start_time = 99;
  out.unit = "docker-bc045274b44b.scope";
  out.cgroup = "/system.slice/docker-bc045274b44b.scope";
  out.grants = {{"/dev/nvidia0", 195, 0, "rw", "OCI specification", ""},
                {"/dev/nvidiactl", 195, 255, "r", "OCI specification", ""}};
  out.policy = ScopePolicy{out.unit, "strict", {"char-pts rwm"}, {}};
  out.programs = {{109, "sd_devices", "systemd", "", {{"195:0", "195:255"}}},
                  {108, "", "runc", "", std::vector<std::string>{}}};
  return out;
}

Finding finding(std::string_view what, const std::string& label = "tv") {
  Finding out;
  out.id = "container-gpu-access-" + std::string(what);
  out.subject = {Subject::Kind::container, label};
  return out;
}

Plan plan_of(const Container& container, bool allow_restart = false,
             std::string_view what = "revoked") {
  return plan_containers({finding(what)}, {container}, {allow_restart});
}

TEST(PlanContainers, OneStepForEachContainer) {
  const Plan plan =
      plan_containers({finding("revoked"), finding("at-risk")}, {docker()}, {});
  ASSERT_EQ(plan.steps.size(), 1u);
  const Step& step = plan.steps[0];
  EXPECT_EQ(step.action, "restore-device-access");
  EXPECT_EQ(step.text,
            "allow /dev/nvidia0, /dev/nvidiactl in docker-bc045274b44b.scope "
            "(SetUnitProperties, until the container ends)");
  EXPECT_EQ(step.disrupts, Remedy::Disrupts::nothing);
  const auto back = container_of(step.arguments);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(back->pid, 4711);
  EXPECT_EQ(back->grants[1].access, "r");
  EXPECT_TRUE(plan.refusals.empty());
}

TEST(PlanContainers, NothingForAContainerWithoutAFinding) {
  EXPECT_EQ(plan_containers({finding("revoked", "other")}, {docker()}).steps,
            std::vector<Step>{});
  EXPECT_EQ(plan_containers({}, {docker()}), Plan{});
}

void expect_refused(const Container& container, std::string_view part) {
  const Plan plan = plan_of(container);
  EXPECT_TRUE(plan.steps.empty()) << part;
  ASSERT_EQ(plan.refusals.size(), 1u) << part;
  EXPECT_NE(plan.refusals[0].why.find(part), std::string::npos)
      << plan.refusals[0].why;
}

TEST(PlanContainers, SaysWhyNot) {
  Container container = docker();
  container.privileged = true;
  expect_refused(container, "privileged");
  container = docker();
  container.rootless = true;
  expect_refused(container, "rootless");
  container = docker();
  container.unit = "";
  expect_refused(container, "systemd's program 109");
  container = docker();
  container.grants.clear();
  container.unresolved = {"GPU-1234"};
  expect_refused(container, "GPU-1234");
  container = docker();
  container.policy = ScopePolicy{container.unit, "auto", {}, {}};
  expect_refused(container, "DevicePolicy=auto");
  container = docker();
  container.programs[1].denies = {"195:0"};
  expect_refused(container, "re-create only: runc's program 108 denies 195:0");
  container = docker();
  container.runtime = "lxc";
  expect_refused(container, "lxc.cgroup2.devices.allow = c 195:0 rw");
}

TEST(PlanContainers, AListOfCgroupV1IsSystemdsToWrite) {
  Container container = docker();
  container.cgroup_v2 = false;
  container.programs = {{0, "", "unknown", "", {{"195:0"}}}};
  EXPECT_EQ(plan_of(container).steps.size(), 1u);
}

TEST(PlanContainers, PausedOnlyWhereItsProgramsCanBeRead) {
  Container container = docker();
  container.frozen = true;
  ASSERT_EQ(plan_of(container).steps.size(), 1u);
  EXPECT_NE(plan_of(container).steps[0].text.find("paused"), std::string::npos);
  container.programs[0].denies = std::nullopt;
  expect_refused(container, "unpause");
}

TEST(PlanContainers, UnresolvedGrantsAreSaidBesideTheRest) {
  Container container = docker();
  container.unresolved = {"GPU-1234"};
  const Plan plan = plan_of(container);
  EXPECT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.refusals.size(), 1u);
}

TEST(PlanContainers, ARestartIsTheLastResort) {
  const Plan plan =
      plan_containers({finding("revoked"), finding("revoked", "web")},
                      {docker(),
                       [] {
                         Container web = docker();
                         web.label = "web";
                         web.programs[1].denies = {"195:0"};
                         return web;
                       }()},
                      {true});
  ASSERT_EQ(plan.steps.size(), 3u);
  EXPECT_EQ(plan.steps[0].action, "restore-device-access");
  EXPECT_EQ(plan.steps[1].action, "restart-container");
  EXPECT_EQ(plan.steps[1].only_if_failed, 0u);
  EXPECT_EQ(plan.steps[1].disrupts, Remedy::Disrupts::container);
  EXPECT_EQ(plan.steps[2].only_if_failed, std::nullopt);
}

TEST(PlanContainers, WhatNoListPreventsIsNotPlanned) {
  Container listed = docker();
  listed.policy->allow = {"/dev/char/195:0 rw", "/dev/char/195:255 r"};
  listed.programs.clear();
  const Plan plan = plan_of(listed, false, "at-risk");
  EXPECT_TRUE(plan.steps.empty());
  ASSERT_EQ(plan.refusals.size(), 1u);
  EXPECT_NE(plan.refusals[0].why.find("has all its nodes already"),
            std::string::npos);
  // Less access than was granted is not all of it.
  listed.policy->allow[0] = "/dev/char/195:0 r";
  EXPECT_EQ(plan_of(listed, false, "at-risk").steps.size(), 1u);
}

TEST(PlanContainers, AWorkingContainerIsNotRestarted) {
  const Plan plan = plan_of(docker(), true, "at-risk");
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].action, "restore-device-access");
}

TEST(PlanContainers, APodIsItsOwners) {
  Container container = docker();
  container.pod = "train";
  container.pod_namespace = "ml";
  const Plan plan = plan_of(container, true);
  EXPECT_EQ(plan.steps.size(), 1u);
  ASSERT_EQ(plan.refusals.size(), 1u);
  EXPECT_NE(plan.refusals[0].why.find("kubectl delete pod -n ml train"),
            std::string::npos);
}

}  // namespace
}  // namespace gpuward::plan
