#include "bundle/seen.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "containers/container_json.h"
#include "model/json.h"

namespace gpuward::bundle {
namespace {

Evidence line(std::string source, std::string text) {
  Evidence out;
  out.source = std::move(source);
  out.text = std::move(text);
  return out;
}

Container container() {
  Container one;
  one.label = "web";
  one.id = "abc";
  one.pod = "p";
  one.pod_namespace = "n";
  one.pid = 7;
  one.cgroup_v2 = false;
  one.injection = Injection::legacy;
  const Grant grant{"/dev/nvidia0", 195, 0, "rw", "CDI", "/etc/cdi/x.yaml"};
  one.grants = {grant};
  one.nodes = {{grant, NodeAccess::Now::denied, "EPERM", false}};
  one.programs = {{7, "sd_devices", "systemd", "/x", {{"195:0"}}},
                  {8, "", "unknown", "/", std::nullopt}};
  one.policy = ScopePolicy{"x.scope", "strict", {"/dev/null rwm"}, {"/run/x"}};
  one.tomorrow = Tomorrow::lost_at_reload;
  one.tomorrow_why = "because";
  one.unresolved = {"GPU-1"};
  one.library = "570.1";
  return one;
}

Seen example() {
  Seen seen;
  seen.now = Wall{std::chrono::milliseconds(1'700'000'000'123)};
  Evidence fact;
  fact.source = "pci";
  fact.subject = {Subject::Kind::gpu, "0000:3b:00.0"};
  fact.key = "pci_gpus";
  fact.value = int64_t{8};
  fact.times = 5;
  Evidence number;
  number.source = "nvml";
  number.key = "probe_seconds";
  number.value = 1.5;
  number.when = seen.now - 3s;
  seen.gathered.evidence = {fact, number, line("kernel-log", "NVRM: x")};
  seen.gathered.gaps = {{"kernel-log", "run as root"}};
  StuckTask task;
  task.pid = 4711;
  task.stack = {"nv_open [nvidia]"};
  task.in_driver = true;
  seen.gathered.tasks = {task};
  seen.gathered.containers = {container()};
  seen.snapshot.boot_id = "boot";
  seen.snapshot.hostname = "gpu-07";
  seen.snapshot.taken_at = seen.now - 1s;
  seen.snapshot.init = reading_error(999, "UNKNOWN", seen.now - 2s);
  return seen;
}

TEST(Seen, ComesBackAsItWas) {
  const Seen before = example();
  const auto text = to_json(before).dump();
  const auto json = Json::parse(text);
  ASSERT_TRUE(json);
  const auto after = seen_from_json(*json);
  ASSERT_TRUE(after) << after.error().text;
  EXPECT_EQ(after->now, before.now);
  EXPECT_EQ(after->snapshot, before.snapshot);
  EXPECT_EQ(after->gathered.evidence, before.gathered.evidence);
  EXPECT_EQ(after->gathered.gaps, before.gathered.gaps);
  EXPECT_EQ(after->gathered.tasks, before.gathered.tasks);
  EXPECT_EQ(after->gathered.containers, before.gathered.containers);
}

TEST(Seen, HostileContainersAreRefused) {
  for (const char* text :
       {R"({"label":"x","nodes":[{"major":-1}]})", R"({"id":"x"})",
        R"({"label":"x","tomorrow":"never"})", R"([])",
        R"({"label":"x","programs":[{"id":99999999999}]})"}) {
    EXPECT_FALSE(containers::container_from_json(Json::parse(text).value()))
        << text;
  }
}

TEST(BoundLines, KeepsFactsAndWhatMatters) {
  evidence::Collection all;
  for (int i = 0; i < 1000; ++i) {
    all.evidence.push_back(
        line("kernel-log", i % 100 == 0 ? "NVRM: fault" : "usb: noise"));
  }
  all.evidence.push_back(line("kubelet-log", "usb: alone"));
  Evidence fact;
  fact.key = "driver";
  all.evidence.push_back(fact);
  evidence::Collection few = all;
  bound_lines(few, 40 * 130,
              [](const std::string& text) { return text.starts_with("NVRM"); });
  const auto count = [&](std::string_view text) {
    return std::ranges::count(few.evidence, text, &Evidence::text);
  };
  EXPECT_EQ(count("NVRM: fault"), 10);
  EXPECT_EQ(count("usb: alone"), 1);
  EXPECT_LT(few.evidence.size(), 50U);
  EXPECT_EQ(few.evidence.back().key, "driver");
  ASSERT_EQ(few.gaps.size(), 1U);
  EXPECT_EQ(few.gaps[0].source, "kernel-log");
  evidence::Collection same = all;
  bound_lines(same, 10 << 20, [](const std::string&) { return false; });
  EXPECT_EQ(same.evidence, all.evidence);
  EXPECT_TRUE(same.gaps.empty());
}

}  // namespace
}  // namespace gpuward::bundle
