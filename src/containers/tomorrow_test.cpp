#include "containers/tomorrow.h"

#include <gtest/gtest.h>

namespace gpuward::containers {
namespace {

Container docker(Injection injection) {
  Container container;
  container.unit = "docker-ab.scope";
  container.oci_runtime = "runc";
  container.injection = injection;
  container.grants = {{"/dev/nvidia0", 195, 0, "rw", "OCI specification", ""},
                      {"/dev/nvidiactl", 195, 255, "rw", "", ""}};
  container.policy = ScopePolicy{"docker-ab.scope", "strict", {"x rwm"}, {}};
  return container;
}

Surroundings lacking(int systemd) { return {systemd, false, {"195:0"}, ""}; }

Container judged(Container container, const Surroundings& around) {
  judge_tomorrow(container, around);
  return container;
}

void expect(const Container& container, Tomorrow tomorrow,
            std::string_view part_of_why) {
  EXPECT_EQ(container.tomorrow, tomorrow) << container.tomorrow_why;
  EXPECT_NE(container.tomorrow_why.find(part_of_why), std::string::npos)
      << container.tomorrow_why;
}

TEST(Tomorrow, AListThatLacksTheNodeIsAppliedAtAReload) {
  expect(judged(docker(Injection::devices), lacking(252)),
         Tomorrow::lost_at_reload,
         "DevicePolicy=strict of docker-ab.scope lacks /dev/nvidia0 (195:0): "
         "the next daemon-reload");
  expect(judged(docker(Injection::devices), lacking(249)),
         Tomorrow::lost_at_reload, "(systemd 249)");
}

TEST(Tomorrow, WhatIsNotMeasuredIsSaid) {
  expect(judged(docker(Injection::devices), lacking(0)),
         Tomorrow::lost_at_reload, "version is not known");
  expect(judged(docker(Injection::devices), lacking(255)),
         Tomorrow::lost_at_reload, "measured with 252");
}

TEST(Tomorrow, Systemd257AppliesItAtAnUpdateOnly) {
  expect(judged(docker(Injection::devices), lacking(257)),
         Tomorrow::lost_at_update, "a reload is harmless");
  expect(judged(docker(Injection::legacy), lacking(258)),
         Tomorrow::lost_at_update, "/dev/nvidia0 (195:0)");
}

TEST(Tomorrow, AListThatHasThemIsSafeWhereTheRuntimeKnowsThem) {
  expect(judged(docker(Injection::devices), {252, false, {}, ""}),
         Tomorrow::safe, "has every node of it");
  expect(judged(docker(Injection::devices), {252, true, {}, ""}),
         Tomorrow::safe, "/dev/nvidiactl (195:255)");
}

TEST(Tomorrow, LegacyInjectionIsLostAtAnUpdate) {
  expect(judged(docker(Injection::legacy), {252, false, {}, ""}),
         Tomorrow::lost_at_update, "runc does not know of /dev/nvidia0");
  expect(judged(docker(Injection::legacy), {252, true, {}, ""}),
         Tomorrow::lost_at_update, "within ten seconds");
  Surroundings both = lacking(252);
  both.static_cpu_manager = true;
  expect(judged(docker(Injection::legacy), both), Tomorrow::lost_at_reload,
         "within ten seconds");
}

TEST(Tomorrow, WithoutAScopeOnlyTheRuntimeCanTakeItAway) {
  for (const auto& [injection, tomorrow] :
       {std::pair(Injection::devices, Tomorrow::safe),
        std::pair(Injection::legacy, Tomorrow::lost_at_update),
        std::pair(Injection::unknown, Tomorrow::unknown)}) {
    Container container = docker(injection);
    container.unit.clear();
    container.policy.reset();
    expect(judged(container, {252, false, {}, ""}), tomorrow, "/dev/nvidia0");
  }
}

TEST(Tomorrow, AutoWithoutAListTakesNothing) {
  Container container = docker(Injection::devices);
  container.policy = ScopePolicy{container.unit, "auto", {}, {}};
  expect(judged(container, {252, false, {}, ""}), Tomorrow::safe,
         "DevicePolicy=auto");
}

TEST(Tomorrow, PrivilegedIsSafeUnlessAListSaysOtherwise) {
  Container container = docker(Injection::legacy);
  container.privileged = true;
  container.policy.reset();
  expect(judged(container, {252, false, {}, ""}), Tomorrow::safe, "privileged");
  expect(judged(container, lacking(252)), Tomorrow::unknown, "docker-ab.scope");
  container.policy = ScopePolicy{container.unit, "strict", {}, {}};
  expect(judged(container, lacking(252)), Tomorrow::lost_at_reload, "lacks");
}

TEST(Tomorrow, WhatCannotBeReadIsUnknown) {
  Container container = docker(Injection::devices);
  container.policy.reset();
  expect(judged(container, {252, false, {}, "systemd has no files of it"}),
         Tomorrow::unknown, "systemd has no files of it");
  container.rootless = true;
  expect(judged(container, {252, false, {}, ""}), Tomorrow::unknown,
         "rootless");
  container = docker(Injection::devices);
  container.grants.clear();
  expect(judged(container, {252, false, {}, ""}), Tomorrow::unknown,
         "no record");
}

TEST(Tomorrow, AGpuThatNobodyCouldResolveIsNotCalledSafe) {
  Container container = docker(Injection::devices);
  container.unresolved = {"GPU-1234"};
  expect(judged(container, {252, false, {}, ""}), Tomorrow::unknown,
         "GPU-1234");
  expect(judged(container, lacking(252)), Tomorrow::lost_at_reload, "lacks");
}

}  // namespace
}  // namespace gpuward::containers
