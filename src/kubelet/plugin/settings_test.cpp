#include "kubelet/plugin/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kubelet/plugin/setting_rows.h"
#include "kubelet/plugin/settings_for_tests.h"

namespace gpuward::kubelet::plugin {
namespace {

TEST(SettingRows, EachNameStandsOnce) {
  std::set<std::string_view> flags, variables, keys;
  for (const SettingRow& row : setting_rows()) {
    EXPECT_FALSE(row.help.empty()) << row.flag;
    for (const auto name : flags_of(row))
      EXPECT_TRUE(flags.insert(name).second);
    for (const auto name : environment_of(row)) {
      EXPECT_TRUE(variables.insert(name).second) << name;
    }
    if (row.key.empty()) continue;
    EXPECT_TRUE(keys.insert(row.key).second) << row.key;
  }
  // Both of kubelet.md's table b.1 and ours.
  EXPECT_TRUE(flags.contains("nvidia-ctk-path"));
  EXPECT_FALSE(flags.contains("dp-disable-healthchecks"));
  EXPECT_TRUE(keys.contains("flags.plugin.nvidiaCTKPath"));
}

TEST(Settings, DefaultsAreNvidias) {
  const Settings s = settings_of({});
  EXPECT_EQ(s.mig_strategy, MigStrategy::none);
  EXPECT_EQ(s.driver_root, "/");
  EXPECT_EQ(s.dev_root, "/");
  EXPECT_EQ(s.mps_root, "");
  EXPECT_FALSE(s.pass_device_specs);
  EXPECT_EQ(s.list, ListStrategies{.envvar = true});
  EXPECT_FALSE(s.ids_by_index);
  EXPECT_EQ(s.cdi_annotation_prefix, "cdi.k8s.io/");
  EXPECT_EQ(s.cdi_hook_path, "/usr/bin/nvidia-ctk");
  EXPECT_EQ(s.driver_root_inside, "/driver-root");
  EXPECT_TRUE(s.cdi_feature_flags.empty());
  EXPECT_TRUE(s.cdi_disabled_hooks.empty());
  EXPECT_FALSE(s.pack_replicas);
  EXPECT_EQ(s.kubelet_socket, "/var/lib/kubelet/device-plugins/kubelet.sock");
  EXPECT_EQ(s.sharing, Sharing{});
  EXPECT_EQ(s.xids, XidFilter());
  EXPECT_EQ(s.hang_tolerance, 30s);
  EXPECT_EQ(s.recovery_time, 10s);
  EXPECT_TRUE(s.pack_mig);
  EXPECT_FALSE(s.allow_unhealthy);
}

TEST(Settings, AFlagOutranksTheEnvironmentThatTheFile) {
  const std::string file = "version: v1\nflags: {migStrategy: mixed}\n";
  EXPECT_EQ(settings_of({.file = file}).mig_strategy, MigStrategy::mixed);
  EXPECT_EQ(
      settings_of({.variables = {{"MIG_STRATEGY", "single"}}, .file = file})
          .mig_strategy,
      MigStrategy::single);
  EXPECT_EQ(settings_of({.flags = {{"mig-strategy", {"none"}}},
                         .variables = {{"MIG_STRATEGY", "single"}},
                         .file = file})
                .mig_strategy,
            MigStrategy::none);
}

TEST(Settings, TheConfigFileIsNamedByFlagOrVariable) {
  EXPECT_EQ(config_file_of({}, with_variables({})), "");
  EXPECT_EQ(config_file_of({}, with_variables({{"CONFIG_FILE", "/a"}})), "/a");
  EXPECT_EQ(config_file_of({{"config-file", {"/b"}}},
                           with_variables({{"CONFIG_FILE", "/a"}})),
            "/b");
}

TEST(Settings, OlderNamesOfVariablesCount) {
  EXPECT_EQ(
      settings_of({.variables = {{"NVIDIA_CTK_PATH", "/x"}}}).cdi_hook_path,
      "/x");
  EXPECT_EQ(settings_of({.variables = {{"NVIDIA_CTK_PATH", "/x"},
                                       {"NVIDIA_CDI_HOOK_PATH", "/y"}}})
                .cdi_hook_path,
            "/y");
}

TEST(Settings, ListsAreDividedByCommas) {
  const Settings s = settings_of(
      {.flags = {{"device-list-strategy", {"envvar,cdi-cri", "volume-mounts"}}},
       .variables = {{"CDI_DISABLE_HOOKS", "a, b"}}});
  EXPECT_EQ(
      s.list,
      (ListStrategies{.envvar = true, .volume_mounts = true, .cdi_cri = true}));
  EXPECT_EQ(s.cdi_disabled_hooks, (std::vector<std::string>{"a", "b"}));
}

TEST(Settings, TheDevRootIsTheDriverRootUnlessTold) {
  EXPECT_EQ(
      settings_of({.variables = {{"NVIDIA_DRIVER_ROOT", "/run/d"}}}).dev_root,
      "/run/d");
  EXPECT_EQ(settings_of({.variables = {{"NVIDIA_DRIVER_ROOT", "/run/d"},
                                       {"NVIDIA_DEV_ROOT", "/"}}})
                .dev_root,
            "/");
}

TEST(Settings, AnEmptyVariableSaysNothingOrNo) {
  const Settings s = settings_of({.variables = {{"MIG_STRATEGY", ""},
                                                {"KUBELET_SOCKET", ""},
                                                {"DEVICE_LIST_STRATEGY", ""},
                                                {"PASS_DEVICE_SPECS", ""}},
                                  .file = "flags: {plugin: {passDeviceSpecs: "
                                          "true}}"});
  EXPECT_EQ(s.mig_strategy, MigStrategy::none);
  EXPECT_EQ(s.kubelet_socket, "");
  EXPECT_TRUE(s.list.envvar);
  EXPECT_FALSE(s.pass_device_specs);
}

TEST(Settings, WhatMakesNoSenseIsNamedByItsOrigin) {
  EXPECT_EQ(error_of({.variables = {{"MIG_STRATEGY", "some"}}}),
            "MIG_STRATEGY: must be none, single or mixed, not 'some'");
  EXPECT_EQ(error_of({.flags = {{"pass-device-specs", {"maybe"}}}}),
            "--pass-device-specs: must be true or false, not 'maybe'");
  EXPECT_EQ(
      error_of({.flags = {{"device-list-strategy", {"envvar,cdi"}}}}),
      "--device-list-strategy: invalid strategy: 'cdi'; there are envvar, "
      "volume-mounts, cdi-annotations and cdi-cri");
  EXPECT_EQ(error_of({.flags = {{"device-id-strategy", {"name"}}}}),
            "--device-id-strategy: must be uuid or index, not 'name'");
  EXPECT_EQ(
      error_of({.variables = {{"SHARED_DEVICES_ALLOCATION_POLICY", "spread"}}}),
      "SHARED_DEVICES_ALLOCATION_POLICY: must be distributed or packed, not "
      "'spread'");
  EXPECT_EQ(error_of({.flags = {{"device-discovery-strategy", {"wsl"}}}}),
            "--device-discovery-strategy: must be auto or nvml, not 'wsl'");
  EXPECT_EQ(
      error_of({.flags = {{"hang-tolerance", {"soon"}}}}),
      "--hang-tolerance: invalid duration 'soon': use 500ms, 10s, 5m or 1h");
  EXPECT_EQ(file_error("flags:\n  migStrategy: some\n"),
            "c.yaml:2: flags.migStrategy: must be none, single or mixed, not "
            "'some'");
}

TEST(Settings, EveryMistakeIsReported) {
  const std::string all = error_of(
      {.variables = {{"MIG_STRATEGY", "some"}, {"DEVICE_ID_STRATEGY", "x"}}});
  EXPECT_EQ(std::ranges::count(all, '\n'), 1);
}

TEST(Settings, BooleansAreGos) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    EXPECT_TRUE(settings_of({.variables = {{"PASS_DEVICE_SPECS", yes}}})
                    .pass_device_specs);
  }
  EXPECT_FALSE(settings_of({.variables = {{"PASS_DEVICE_SPECS", "F"}}})
                   .pass_device_specs);
  EXPECT_NE(error_of({.variables = {{"PASS_DEVICE_SPECS", "yes"}}}), "");
}

TEST(Settings, OursAreRead) {
  const Settings s =
      settings_of({.flags = {{"hang-tolerance", {"1.5m"}},
                             {"mig-allocation-policy", {"spread"}},
                             {"allow-unhealthy", {"true"}}},
                   .variables = {{"GPUWARD_RECOVERY_TIME", "250ms"}}});
  EXPECT_EQ(s.hang_tolerance, 90s);
  EXPECT_EQ(s.recovery_time, 250ms);
  EXPECT_FALSE(s.pack_mig);
  EXPECT_TRUE(s.allow_unhealthy);
}

// What gpuward has not is refused with a sentence, never ignored.
TEST(Settings, WhatIsNotSupportedIsRefused) {
  for (const char* name : {"GDS_ENABLED", "MOFED_ENABLED", "GDRCOPY_ENABLED"}) {
    const auto loaded = load({.variables = {{name, "true"}}});
    ASSERT_FALSE(loaded.has_value()) << name;
    EXPECT_EQ(loaded.error().kind, Error::Kind::unsupported);
    EXPECT_NE(loaded.error().text.find(name), std::string::npos);
    EXPECT_NE(loaded.error().text.find("keep NVIDIA's device plugin"),
              std::string::npos);
    settings_of({.variables = {{name, "false"}}});
  }
  EXPECT_NE(error_of({.variables = {{"IMEX_CHANNEL_IDS", "0"}}}), "");
  EXPECT_NE(file_error("imex: {channelIDs: [0], required: true}")
                .find("c.yaml:1: imex.channelIDs: handing out IMEX channels"),
            std::string::npos);
  settings_of({.file = "imex: {channelIDs: [], required: true}"});
  EXPECT_NE(error_of({.flags = {{"device-discovery-strategy", {"tegra"}}}})
                .find("Tegra"),
            std::string::npos);
  EXPECT_NE(error_of({.variables = {{"CONFIG_FILE_SRCDIR", "/available"}}})
                .find("name one file by CONFIG_FILE"),
            std::string::npos);
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
