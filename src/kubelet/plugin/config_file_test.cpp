#include "kubelet/plugin/config_file.h"

#include <gtest/gtest.h>

#include "kubelet/plugin/settings_for_tests.h"

namespace gpuward::kubelet::plugin {
namespace {

TEST(ConfigFile, I6_everything_of_version_v1_is_read) {
  const Settings s = settings_of({.file = R"(version: v1
flags:
  migStrategy: "single"
  failOnInitError: true
  nvidiaDriverRoot: /run/nvidia/driver
  nvidiaDevRoot: /dev-root
  gdrcopyEnabled: false
  gdsEnabled: false
  mofedEnabled: off
  deviceDiscoveryStrategy: nvml
  mpsRoot: /run/nvidia/mps
  useNodeFeatureAPI: true
  plugin:
    passDeviceSpecs: true
    deviceListStrategy: [volume-mounts, cdi-annotations]
    deviceIDStrategy: index
    cdiAnnotationPrefix: x/
    nvidiaCTKPath: /ctk
    containerDriverRoot: /inside
    sharedDevicesAllocationPolicy: packed
  gfd: {oneshot: false, noTimestamp: false, sleepInterval: 60s}
sharing:
  mps:
    renameByDefault: true
    resources:
    - {name: nvidia.com/gpu, replicas: 10}
)"});
  EXPECT_EQ(s.mig_strategy, MigStrategy::single);
  EXPECT_EQ(s.driver_root, "/run/nvidia/driver");
  EXPECT_EQ(s.dev_root, "/dev-root");
  EXPECT_EQ(s.mps_root, "/run/nvidia/mps");
  EXPECT_TRUE(s.pass_device_specs);
  EXPECT_EQ(s.list,
            (ListStrategies{.volume_mounts = true, .cdi_annotations = true}));
  EXPECT_TRUE(s.ids_by_index);
  EXPECT_EQ(s.cdi_annotation_prefix, "x/");
  EXPECT_EQ(s.cdi_hook_path, "/ctk");
  EXPECT_EQ(s.driver_root_inside, "/inside");
  EXPECT_TRUE(s.pack_replicas);
  EXPECT_EQ(s.sharing.kind, Sharing::Kind::mps);
  ASSERT_EQ(s.sharing.resources.size(), 1u);
  EXPECT_EQ(s.sharing.resources[0],
            (SharedResource{"nvidia.com/gpu", "nvidia.com/gpu.shared", 10}));
}

TEST(ConfigFile, I6_a_strategy_is_a_string_or_a_list) {
  const auto list_of = [](const std::string& value) {
    return settings_of(
               {.file = "flags: {plugin: {deviceListStrategy: " + value + "}}"})
        .list;
  };
  EXPECT_TRUE(list_of("volume-mounts").volume_mounts);
  EXPECT_TRUE(list_of("[cdi-cri]").cdi_cri);
  EXPECT_NE(file_error("flags: {plugin: {deviceListStrategy: {a: b}}}"), "");
  EXPECT_NE(file_error("flags: {plugin: {deviceListStrategy: []}}"), "");
}

TEST(ConfigFile, I6_json_is_read_as_well) {
  const Settings s = settings_of(
      {.file = "{\n\t\"version\": \"v1\",\n\t\"flags\": {\"migStrategy\": "
               "\"mixed\", \"plugin\": {\"passDeviceSpecs\": true}}\n}\n"});
  EXPECT_EQ(s.mig_strategy, MigStrategy::mixed);
  EXPECT_TRUE(s.pass_device_specs);
}

TEST(ConfigFile, I6_versions) {
  for (const char* good : {"", "{}", "version: v1", "version: ''",
                           "version:", "flags:", "# nothing"}) {
    EXPECT_EQ(file_error(good), "") << good;
  }
  EXPECT_EQ(file_error("version: v2"),
            "c.yaml:1: unknown version: v2; only v1 is known");
  EXPECT_NE(file_error("- a\n"), "");
  EXPECT_NE(file_error("a: [b\n"), "");
  EXPECT_NE(file_error("flags: 5\n"), "");
}

TEST(ConfigFile, I6_wrong_types_are_mistakes_with_their_line) {
  EXPECT_EQ(file_error("flags:\n  failOnInitError: maybe\n"),
            "c.yaml:2: flags.failOnInitError must be true or false");
  EXPECT_EQ(file_error("flags:\n  plugin:\n    passDeviceSpecs: \"true\"\n"),
            "c.yaml:3: flags.plugin.passDeviceSpecs must be true or false");
  EXPECT_EQ(file_error("flags: {migStrategy: [none]}"),
            "c.yaml:1: flags.migStrategy must be a text");
}

TEST(ConfigFile, I6_resources_are_ignored_with_a_warning) {
  const auto warnings = file_warnings(
      "version: v1\nresources:\n  gpus:\n  - {pattern: \"*\", name: gpu}\n");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].find("c.yaml:3: 'resources'"), 0u) << warnings[0];
  EXPECT_TRUE(file_warnings("resources: {}").empty());
}

TEST(ConfigFile, FeatureDiscoveryIsLeftToNvidiasProgram) {
  const auto warnings = file_warnings("flags: {gfd: {oneshot: true}}");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("feature discovery"), std::string::npos);
}

TEST(ConfigFile, UnknownKeysAreWarnedOf) {
  const auto warnings = file_warnings("flags:\n  migStrategie: mixed\n");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "c.yaml:2: flags has no key 'migStrategie': passed over; did you "
            "mean 'migStrategy'?");
  // Go's decoder does not mind the case.
  EXPECT_EQ(settings_of({.file = "flags: {MIGStrategy: mixed}"}).mig_strategy,
            MigStrategy::mixed);
}

std::string slicing(const std::string& resources,
                    const std::string& more = "") {
  return "sharing: {timeSlicing: {" + more + "resources: " + resources + "}}";
}

TEST(Sharing, I6_one_request_at_a_time_by_default_with_mps_alone) {
  const std::string one = "[{name: gpu, replicas: 2}]";
  const auto of = [](const std::string& file) {
    return settings_of({.variables = {{"MPS_ROOT", "/mps"}}, .file = file})
        .sharing;
  };
  EXPECT_FALSE(of(slicing(one)).one_at_a_time);
  EXPECT_TRUE(
      of(slicing(one, "failRequestsGreaterThanOne: true, ")).one_at_a_time);
  EXPECT_TRUE(of("sharing: {mps: {resources: " + one + "}}").one_at_a_time);
  EXPECT_FALSE(of("sharing: {mps: {failRequestsGreaterThanOne: false, "
                  "resources: " +
                  one + "}}")
                   .one_at_a_time);
  EXPECT_EQ(of(slicing(one)).resources[0],
            (SharedResource{"nvidia.com/gpu", "nvidia.com/gpu", 2}));
}

TEST(Sharing, I6_mps_outranks_time_slicing) {
  const auto loaded =
      load({.variables = {{"MPS_ROOT", "/mps"}},
            .file = "sharing:\n"
                    "  timeSlicing: {resources: [{name: gpu, replicas: 2}]}\n"
                    "  mps: {resources: [{name: gpu, replicas: 50}]}\n"});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->settings.sharing.kind, Sharing::Kind::mps);
  EXPECT_EQ(loaded->settings.sharing.resources[0].replicas, 50);
  EXPECT_EQ(loaded->warnings.size(), 2u);  // and the daemon takes 48
}

TEST(Sharing, I6_replicas_are_two_at_least) {
  EXPECT_EQ(file_error("sharing:\n timeSlicing:\n  resources:\n  - name: gpu\n"
                       "    replicas: 1\n"),
            "c.yaml:5: sharing.timeSlicing: number of replicas must be >= 2");
  for (const char* wrong :
       {"{}", "[]", "[{replicas: 2}]", "[{name: gpu}]",
        "[{name: gpu, replicas: -1}]", "[{name: gpu, replicas: 2.0}]",
        "[{name: gpu, replicas: '2'}]", "[{name: $invalid$, replicas: 2}]",
        "[{name: gpu, replicas: 2, rename: $invalid$}]",
        "[{name: nvidia.com/gpu-with-a-name-of-more-than-sixty-three-characters"
        "-in-all, replicas: 2}]"}) {
    EXPECT_NE(file_error(slicing(wrong)), "") << wrong;
  }
  EXPECT_NE(file_error("sharing: {timeSlicing: {}}"), "");
  EXPECT_NE(file_error("sharing: {timeSlicing: 5}"), "");
  EXPECT_EQ(file_error("sharing: {timeSlicing: null}"), "");
}

// The table of NVIDIA's TestUnmarshalReplicaDevices.
TEST(Sharing, I6_devices_are_checked_and_passed_over) {
  const auto with = [](const std::string& devices) {
    return slicing("[{name: gpu, replicas: 2, devices: " + devices + "}]");
  };
  for (const char* wrong : {"not-all", "-2", "2.0", "[-1]", "['-1']",
                            "[invalid-UUID]", "[GPU-UUID]", "[MIG-UUID]",
                            "[MIG-GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c]"}) {
    EXPECT_NE(file_error(with(wrong)), "") << wrong;
  }
  EXPECT_TRUE(file_warnings(with("all")).empty());
  for (const char* right :
       {"2", "[0]", "['0']", "['0:0']",
        "[GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c]",
        "[MIG-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c]",
        "[MIG-GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c/0/0]",
        "[0, '0:0', GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c]"}) {
    EXPECT_EQ(file_warnings(with(right)).size(), 1u) << right;
  }
}

TEST(Sharing, I6_other_names_than_the_usual_are_passed_over) {
  const std::string own = "[{name: gpu, replicas: 2, rename: my}]";
  auto loaded = load({.file = slicing(own, "renameByDefault: true, ")});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->settings.sharing.resources[0].rename,
            "nvidia.com/gpu.shared");
  EXPECT_EQ(loaded->warnings.size(), 1u);
  loaded = load({.file = slicing(own)});
  EXPECT_EQ(loaded->settings.sharing.resources[0].rename, "nvidia.com/gpu");
  EXPECT_EQ(loaded->warnings.size(), 1u);
}

TEST(Sharing, MpsNeedsItsRootAndNoMixedMig) {
  const std::string file =
      "sharing: {mps: {resources: [{name: gpu, replicas: 2}]}}";
  EXPECT_NE(error_of({.file = file}).find("needs --mps-root (MPS_ROOT)"),
            std::string::npos);
  EXPECT_NE(
      error_of({.variables = {{"MPS_ROOT", "/m"}, {"MIG_STRATEGY", "mixed"}},
                .file = file})
          .find("mixed is not supported with sharing by MPS"),
      std::string::npos);
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
