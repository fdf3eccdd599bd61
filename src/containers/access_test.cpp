#include "containers/access.h"

#include <gtest/gtest.h>

#include "containers/container_json.h"

namespace gpuward::containers {
namespace {

Grant grant_of(const std::string& path, unsigned minor_number) {
  return {path, 195, minor_number, "rw", "OCI specification", "/config.json"};
}

Container with(std::vector<NodeAccess::Now> states) {
  Container container;
  for (const NodeAccess::Now now : states) {
    container.nodes.push_back({grant_of("/dev/nvidia0", 0), now, "", {}});
  }
  return container;
}

TEST(Container, TheWorstOfAllNodesCounts) {
  using Now = NodeAccess::Now;
  EXPECT_EQ(access_now(with({})), Now::unknown);
  EXPECT_EQ(access_now(with({Now::allowed, Now::allowed})), Now::allowed);
  EXPECT_EQ(access_now(with({Now::allowed, Now::unknown})), Now::unknown);
  EXPECT_EQ(access_now(with({Now::unknown, Now::denied, Now::allowed})),
            Now::denied);
}

TEST(Container, SaysWhichProgramDenies) {
  Container container;
  EXPECT_EQ(who_denies(container), "");
  container.programs = {
      {108, "", "runc", "/a.scope", std::vector<std::string>{}},
      {109, "sd_devices", "systemd", "/a.scope",
       std::vector<std::string>{"195:0"}}};
  EXPECT_EQ(who_denies(container),
            "systemd's program 109 (sd_devices) denies 195:0; runc's program "
            "108 allows it");
  container.programs[0].denies.reset();
  container.programs[1].denies->push_back("195:255");
  EXPECT_EQ(who_denies(container),
            "systemd's program 109 (sd_devices) denies 195:0, 195:255; runc's "
            "program 108 could not be followed");
  container.programs[1].owner = "unknown";
  container.programs.erase(container.programs.begin());
  EXPECT_EQ(who_denies(container),
            "program 109 (sd_devices), whose owner is not known, denies "
            "195:0, 195:255");
  container.programs[0].denies->clear();
  EXPECT_EQ(who_denies(container), "");
}

TEST(Container, SaysWhatTheListOfV1Lacks) {
  Container container;
  container.programs = {{0, "devices.list", "unknown", "/docker/x",
                         std::vector<std::string>{"195:0"}}};
  EXPECT_EQ(who_denies(container), "devices.list lacks 195:0");
  container.programs[0].owner = "systemd";
  EXPECT_EQ(who_denies(container),
            "devices.list, as systemd wrote it, lacks 195:0");
}

TEST(Container, IsNamedAsItsUserNamesIt) {
  Container container;
  container.runtime = "docker";
  container.id = "bc045274b44b0011223344";
  container.label = container.name = "tv";
  EXPECT_EQ(in_words(container), "docker container tv (bc045274b44b)");
  container.pod = "train-0";
  container.pod_namespace = "ml";
  EXPECT_EQ(in_words(container),
            "docker container tv of pod ml/train-0 (bc045274b44b)");
  container.name.clear();
  container.label = "bc045274b44b";
  EXPECT_EQ(in_words(container), "docker container bc045274b44b");
}

TEST(Container, ListsItsNodesWithinReason) {
  Container container;
  container.grants = {grant_of("/dev/nvidia0", 0),
                      grant_of("/dev/nvidiactl", 255)};
  EXPECT_EQ(nodes_in_words(container), "/dev/nvidia0, /dev/nvidiactl");
  container.grants.assign(2000, grant_of("/dev/x", 1));
  EXPECT_TRUE(nodes_in_words(container).ends_with(" and 1984 more"));
  EXPECT_LT(nodes_in_words(container).size(), 200U);
}

TEST(Container, BecomesJson) {
  Container container;
  container.id = "abc";
  container.label = "tv";
  container.runtime = "docker";
  container.pid = 42;
  container.injection = Injection::legacy;
  container.grants = {grant_of("/dev/nvidia0", 0)};
  NodeAccess node{container.grants[0], NodeAccess::Now::denied, "EPERM", true};
  container.nodes = {node};
  container.programs = {
      {7, "sd_devices", "systemd", "/a", std::vector<std::string>{"195:0"}},
      {8, "", "runc", "/a", std::nullopt}};
  container.policy = ScopePolicy{"a.scope", "strict", {"char-* m"}, {"/f"}};
  container.tomorrow = Tomorrow::lost_at_reload;
  container.tomorrow_why = "because";
  container.unresolved = {"GPU-1"};
  container.library = "";
  const Json json = to_json(container);
  EXPECT_EQ(json["nodes"].dump(),
            R"([{"path":"/dev/nvidia0","major":195,"minor":0,"access":"rw",)"
            R"("record":"OCI specification","file":"/config.json",)"
            R"("now":"denied","why":"EPERM","present":true}])");
  EXPECT_EQ(
      json["programs"].dump(),
      R"([{"id":7,"name":"sd_devices","owner":"systemd","cgroup":"/a",)"
      R"("denies":["195:0"]},)"
      R"({"id":8,"name":"","owner":"runc","cgroup":"/a","denies":null}])");
  EXPECT_EQ(json["policy"]["allow"].dump(), R"(["char-* m"])");
  EXPECT_EQ(json["tomorrow"].as_string(), "lost at reload");
  EXPECT_EQ(json["injection"].as_string(), "legacy");
  EXPECT_EQ(json["pid"].as_integer(), 42);
  EXPECT_TRUE(json["library"].is_string());
  EXPECT_TRUE(json["privileged"].is_bool());
}

// A look that did not take place leaves the grants to be seen, all unknown.
TEST(Container, GrantsThatNobodyLookedAtAreShownAsUnknown) {
  Container container;
  container.grants = {grant_of("/dev/nvidia0", 0)};
  const Json json = to_json(container);
  ASSERT_EQ(json["nodes"].as_array().size(), 1U);
  const Json& node = json["nodes"].as_array()[0];
  EXPECT_EQ(node["now"].as_string(), "unknown");
  EXPECT_EQ(node["why"].as_string(), "not looked at");
  EXPECT_TRUE(node["present"].is_null());
  EXPECT_TRUE(json["library"].is_null());
  EXPECT_TRUE(json["policy"].is_null());
}

TEST(Container, LongIdsInUnitsAreCut) {
  const std::string id(64, 'c');
  EXPECT_EQ(unit_in_words("docker-" + id + ".scope"),
            "docker-cccccccccccc….scope");
  EXPECT_EQ(unit_in_words("lab-plain.scope"), "lab-plain.scope");
  EXPECT_EQ(unit_in_words(""), "");
}

}  // namespace
}  // namespace gpuward::containers
