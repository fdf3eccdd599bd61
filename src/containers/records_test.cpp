// The parsers of the records, each with what is sound and what is not.
#include <gtest/gtest.h>

#include <algorithm>

#include "containers/cgroups.h"
#include "containers/docker.h"
#include "containers/host_nodes.h"
#include "containers/kubernetes.h"
#include "containers/lxc.h"
#include "containers/oci_spec.h"
#include "containers/runtime_state.h"
#include "containers/toolkit.h"

namespace gpuward::containers {
namespace {

const std::string kId(64, 'a');

TEST(DeviceRules, LaterRulesOutdoEarlierOnes) {
  const std::vector<DeviceRule> rules = {
      *parse_device_rule("a *:* rwm", false),
      *parse_device_rule("c *:* m", true),
      *parse_device_rule("c 195:* rw", true),
      *parse_device_rule("c 195:1 w", false),
      *parse_device_rule("b 195:2 rwm", false)};
  EXPECT_EQ(access_by(rules, {195, 0}), "rwm");
  EXPECT_EQ(access_by(rules, {195, 1}), "rm");
  EXPECT_EQ(access_by(rules, {195, 2}), "rwm");
  EXPECT_EQ(access_by(rules, {510, 0}), "m");
  EXPECT_FALSE(may_open(access_by(rules, {510, 0})));
  EXPECT_FALSE(allow_everything(rules));
}

TEST(DeviceRules, WhatIsAllowedWholeAndThenTakenBackIsNotAll) {
  EXPECT_TRUE(allow_everything({*parse_device_rule("a", true)}));
  EXPECT_FALSE(allow_everything(
      {*parse_device_rule("a", true), *parse_device_rule("a", false)}));
}

TEST(DeviceRules, RefusesWhatMakesNoSense) {
  for (const char* text : {"", "c", "c 195", "c -1:0 rw", "c 195:x rw",
                           "c 4096:0 rw", "x 1:1 r", "c 1:1 r w"}) {
    EXPECT_FALSE(parse_device_rule(text, true)) << text;
  }
}

TEST(Cgroups, ReadsAllThreeKindsOfMachine) {
  const auto hybrid = parse_task_cgroups(
      "5:devices:/a\n6:cpu,freezer:/b\n1:name=systemd:/c\n0::/d:e\n");
  EXPECT_EQ(hybrid.devices, "/a");
  EXPECT_EQ(hybrid.freezer, "/b");
  EXPECT_EQ(hybrid.unified, "/d:e");
  EXPECT_EQ(parse_task_cgroups("0::/x\n").unified, "/x");
  EXPECT_EQ(parse_task_cgroups("garbage\n::\n").unified, "");
}

TEST(Cgroups, NamesContainersByTheirPath) {
  const auto docker =
      container_of_cgroup("/system.slice/docker-" + kId + ".scope/init.scope");
  ASSERT_TRUE(docker);
  EXPECT_EQ(docker->runtime, "docker");
  EXPECT_EQ(docker->id, kId);
  EXPECT_EQ(docker->unit, "docker-" + kId + ".scope");
  EXPECT_EQ(docker->path, "/system.slice/docker-" + kId + ".scope");
  EXPECT_EQ(container_of_cgroup("/docker/" + kId)->runtime, "docker");
  EXPECT_EQ(container_of_cgroup("/kubepods/podx/" + kId)->id, kId);
  EXPECT_EQ(
      container_of_cgroup("/machine.slice/libpod-" + kId + ".scope/container")
          ->runtime,
      "podman");
  EXPECT_EQ(container_of_cgroup("/libpod_parent/libpod-" + kId)->runtime,
            "podman");
  EXPECT_EQ(container_of_cgroup("/lxc.payload.web/system.slice")->id, "web");
  EXPECT_EQ(container_of_cgroup("/lxc/101/ns")->id, "101");
}

TEST(Cgroups, TheOutermostContainerCounts) {
  const std::string inner(64, 'b');
  const auto found =
      container_of_cgroup("/docker/" + kId + "/kubepods/podx/" + inner);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, kId);
}

TEST(Cgroups, WhatOnlyLooksLikeAContainer) {
  for (const std::string& path :
       {"/machine.slice/libpod-conmon-" + kId + ".scope",
        "/system.slice/crio-conmon-" + kId + ".scope",
        std::string("/system.slice/docker.service"),
        std::string("/system.slice/docker-abc.scope"),
        std::string("/lxc.monitor.web"), std::string("/"), std::string()}) {
    EXPECT_FALSE(container_of_cgroup(path)) << path;
  }
}

TEST(Cgroups, FindsScopesAndPods) {
  EXPECT_EQ(scope_of("/system.slice/lab-x.scope/container"), "lab-x.scope");
  EXPECT_EQ(scope_of("/system.slice/lab-x.scope/init.scope"), "lab-x.scope");
  EXPECT_EQ(scope_of("/user.slice/user-0.slice/session-3.scope/box"), "");
  // What a container called a cgroup below its own.
  EXPECT_EQ(scope_of("/system.slice/lab-x.scope/\033[2J.scope"), "lab-x.scope");
  EXPECT_EQ(scope_of("/lab-x.scope/" + std::string(300, 'a') + ".scope"),
            "lab-x.scope");
  const std::string uid = "0a1b2c3d-0001-0002-0003-0a1b2c3d4e5f";
  EXPECT_EQ(pod_uid_of("/kubepods/besteffort/pod" + uid + "/x"), uid);
  EXPECT_EQ(pod_uid_of("/kubepods.slice/kubepods-besteffort.slice/"
                       "kubepods-besteffort-pod0a1b2c3d_0001_0002_0003_"
                       "0a1b2c3d4e5f.slice/cri-containerd-x.scope"),
            uid);
  EXPECT_EQ(pod_uid_of("/kubepods/x"), "");
}

TEST(OciSpecification, LeavesOutAndNamesWhatMakesNoSense) {
  const auto spec = parse_oci_spec(R"({"linux": {
    "devices": [
      {"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0},
      {"path": "/dev/nvidia1", "type": "c", "major": -5, "minor": 0},
      {"path": 7, "type": "c", "major": 195, "minor": 0},
      {"path": "/dev/nvidia2", "type": "c", "major": "195", "minor": 0},
      {"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}],
    "resources": {"devices": [
      {"allow": false, "access": "rwm"},
      {"allow": true, "type": "c", "major": 195, "minor": -1, "access": "r"},
      {"allow": true, "type": "c", "major": 99999999, "access": "rw"},
      {"allow": "yes"}]}}})");
  ASSERT_TRUE(spec.has_value());
  ASSERT_EQ(spec->devices.size(), 1U);
  EXPECT_EQ(spec->devices[0].number, (DeviceNumber{195, 0}));
  ASSERT_EQ(spec->rules.size(), 2U);
  EXPECT_EQ(access_by(spec->rules, {195, 7}), "r");
  EXPECT_EQ(spec->complaints.size(), 5U);
}

TEST(OciSpecification, SurvivesGarbage) {
  for (const char* text : {"", "{", "[]", "7", "{\"linux\": 3}trailing"}) {
    EXPECT_FALSE(parse_oci_spec(text).has_value()) << text;
  }
  const auto odd = parse_oci_spec(
      R"({"linux": [1], "process": "x", "hooks": 3, "mounts": {"a": 1}})");
  ASSERT_TRUE(odd.has_value());
  EXPECT_TRUE(odd->devices.empty());
}

TEST(OciSpecification, ErrorsQuoteNothingOfTheFile) {
  const auto spec = parse_oci_spec("root:$6$secret");
  ASSERT_FALSE(spec.has_value());
  EXPECT_EQ(spec.error().text.find("secret"), std::string::npos);
}

// What runc 1.1.5 and crun 1.8.1 write, cut to what matters.
TEST(RuntimeState, ReadsRuncAndCrun) {
  const auto runc = parse_runc_state(
      R"({"id": "rs", "init_process_pid": 341, "init_process_start": 1313288,
          "config": {"labels": ["a=b", "bundle=/run/lab/rs"]}})");
  ASSERT_TRUE(runc.has_value());
  EXPECT_EQ(runc->pid, 341);
  EXPECT_EQ(runc->start_time, 1313288U);
  EXPECT_EQ(runc->bundle, "/run/lab/rs");
  const auto crun = parse_crun_status(
      R"({"pid": 382, "process-start-time": 1313309, "bundle": "/b"})");
  ASSERT_TRUE(crun.has_value());
  EXPECT_EQ(crun->pid, 382);
  for (const char* text :
       {"", "[]", R"({"init_process_pid": -1, "init_process_start": 1})",
        R"({"init_process_pid": "1", "init_process_start": 1})",
        R"({"init_process_pid": 1})",
        R"({"init_process_pid": 99999999999, "init_process_start": 1})"}) {
    EXPECT_FALSE(parse_runc_state(text).has_value()) << text;
  }
}

// ContainerAllocateResponse: an environment variable, two devices, a CDI name.
TEST(Checkpoint, ReadsWhatADevicePluginAnswered) {
  std::string bytes;
  const auto put = [](std::string& out, int field, std::string_view value) {
    out += static_cast<char>(field << 3 | 2);
    out += static_cast<char>(value.size());
    out += value;
  };
  put(bytes, 1, "\x0a\x01x");
  std::string device;
  put(device, 1, "/dev/nvidia0");
  put(device, 2, "/dev/nvidia3");
  put(device, 3, "mrw");
  put(bytes, 3, device);
  std::string cdi;
  put(cdi, 1, "nvidia.com/gpu=1");
  put(bytes, 5, cdi);
  PluginAnswer answer;
  ASSERT_TRUE(parse_allocate_response(bytes, answer).has_value());
  ASSERT_EQ(answer.nodes.size(), 1U);
  EXPECT_EQ(answer.nodes[0].host_path, "/dev/nvidia3");
  EXPECT_EQ(answer.nodes[0].access, "rwm");
  EXPECT_EQ(answer.cdi_devices, std::vector<std::string>{"nvidia.com/gpu=1"});
  // Cut anywhere it must not be read beyond its end.
  for (size_t size = 0; size < bytes.size(); ++size) {
    PluginAnswer cut;
    (void)parse_allocate_response(bytes.substr(0, size), cut);
    EXPECT_LE(cut.nodes.size(), 1U);
  }
  PluginAnswer none;
  EXPECT_FALSE(parse_allocate_response("\x1a\xff\xff\xff\xff\x0f", none));
  EXPECT_FALSE(parse_allocate_response(std::string(20, '\xff'), none));
}

TEST(Checkpoint, SurvivesGarbage) {
  EXPECT_EQ(from_base64("aGFsbG8="), "hallo");
  EXPECT_FALSE(from_base64("a b"));
  EXPECT_FALSE(parse_checkpoint("{}").has_value());
  EXPECT_FALSE(parse_checkpoint("[").has_value());
  const auto odd = parse_checkpoint(
      R"({"Data": {"PodDeviceEntries": [7, {"AllocResp": "!!"}]}})");
  ASSERT_TRUE(odd.has_value());
  EXPECT_LE(odd->size(), 1U);
}

TEST(Docker, ReadsItsTwoFiles) {
  DockerRecord out;
  ASSERT_TRUE(parse_docker_config(
      R"({"Name": "/tv", "Config": {"Image": "cuda:12"}})", out));
  ASSERT_TRUE(parse_docker_host_config(
      R"({"Privileged": false, "Devices": [{"PathOnHost": "/dev/nvidia0",
          "PathInContainer": "/dev/nvidia0", "CgroupPermissions": "r"}],
          "DeviceRequests": [
            {"Driver": "", "Count": -1, "Capabilities": [["gpu"]]},
            {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}]})",
      out));
  EXPECT_EQ(out.name, "tv");
  EXPECT_EQ(out.image, "cuda:12");
  EXPECT_TRUE(out.asks_for_gpus);
  ASSERT_EQ(out.devices.size(), 1U);
  EXPECT_EQ(out.devices[0].access, "r");
  EXPECT_EQ(out.cdi_devices, std::vector<std::string>{"nvidia.com/gpu=0"});
  EXPECT_FALSE(parse_docker_config("garbage", out));
}

TEST(Lxc, ReadsRulesAndMounts) {
  const auto config = parse_lxc_config(
      "# lxc.cgroup2.devices.allow = a\n"
      "lxc.cgroup2.devices.deny = a\n"
      "lxc.cgroup2.devices.allow = c 195:* rw\n"
      "lxc.cgroup.devices.allow=c 1:1 r\n"
      "lxc.cgroup2.devices.allow = nonsense\n"
      "lxc.mount.entry = /dev/nvidia0 dev/nvidia0 none bind,create=file\n");
  EXPECT_EQ(access_by(config.rules_v2, {195, 3}), "rw");
  EXPECT_EQ(config.rules_v1.size(), 1U);
  ASSERT_EQ(config.mounts.size(), 1U);
  EXPECT_EQ(config.mounts[0].destination, "/dev/nvidia0");
  EXPECT_TRUE(parse_lxc_config("lxc.cgroup2.devices.allow = a\n"
                               "lxc.cgroup2.devices.allow =\n")
                  .rules_v2.empty());
}

OciSpec spec_with(std::vector<std::string> environment) {
  OciSpec spec;
  spec.environment = std::move(environment);
  return spec;
}

TEST(Toolkit, UnderstandsTheVariable) {
  using What = VisibleDevices::What;
  const auto what = [](const std::string& value) {
    return visible_by_environment(
               spec_with({"NVIDIA_VISIBLE_DEVICES=" + value}))
        .what;
  };
  EXPECT_EQ(what("all"), What::all);
  EXPECT_EQ(what("none"), What::control_only);
  EXPECT_EQ(what("void"), What::nothing);
  EXPECT_EQ(what(""), What::nothing);
  EXPECT_EQ(what("0, GPU-x"), What::some);
  EXPECT_EQ(visible_by_environment(spec_with({})).what, What::nothing);
  // Images older than the variable.
  EXPECT_EQ(visible_by_environment(spec_with({"CUDA_VERSION=8.0"})).what,
            What::all);
  EXPECT_EQ(visible_by_environment(
                spec_with({"CUDA_VERSION=12", "NVIDIA_REQUIRE_CUDA=cuda>=12"}))
                .what,
            What::nothing);
}

TEST(Toolkit, TheEnvironmentCountsOnlyWhereItMay) {
  ToolkitConfig config;
  config.accepts_environment = false;
  config.accepts_mounts = true;
  OciSpec spec = spec_with({"NVIDIA_VISIBLE_DEVICES=all"});
  EXPECT_EQ(visible_by_hook(spec, config).what, VisibleDevices::What::nothing);
  spec.mounts.push_back(
      {"/dev/null", "/var/run/nvidia-container-devices/GPU-x"});
  EXPECT_EQ(visible_by_hook(spec, config).names,
            std::vector<std::string>{"GPU-x"});
  spec.mounts.clear();
  spec.may_administer = true;
  EXPECT_EQ(visible_by_hook(spec, config).what, VisibleDevices::What::all);
}

HostNodes host_of(const std::vector<unsigned>& minors) {
  HostNodes host;
  host.majors = {195, 510};
  for (const unsigned each : minors) {
    host.nodes.push_back({"/dev/nvidia" + std::to_string(each), {195, each}});
  }
  host.nodes.push_back({"/dev/nvidia-modeset", {195, 254}});
  host.nodes.push_back({"/dev/nvidia-uvm", {510, 0}});
  host.nodes.push_back({"/dev/nvidiactl", {195, 255}});
  return host;
}

TEST(Toolkit, GivesWhatItsCapabilitiesNeed) {
  const auto paths = [](std::vector<std::string> environment) {
    std::string out;
    for (const HostNode& node : nodes_of_hook(spec_with(std::move(environment)),
                                              {}, host_of({0, 1}), true)
                                    .nodes) {
      out += node.path.substr(5) + " ";
    }
    return out;
  };
  EXPECT_EQ(paths({"NVIDIA_VISIBLE_DEVICES=1"}),
            "nvidiactl nvidia-uvm nvidia1 ");
  EXPECT_EQ(paths({"NVIDIA_VISIBLE_DEVICES=all",
                   "NVIDIA_DRIVER_CAPABILITIES=utility"}),
            "nvidiactl nvidia0 nvidia1 ");
  EXPECT_EQ(
      paths({"NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_DRIVER_CAPABILITIES=all"}),
      "nvidiactl nvidia-uvm nvidia-modeset ");
  EXPECT_EQ(paths({"NVIDIA_VISIBLE_DEVICES=void"}), "");
}

TEST(Toolkit, ImexChannelsAreAskedForByTheSameRule) {
  ToolkitConfig config;
  HostNodes host = host_of({0});
  host.nodes.push_back({"/dev/nvidia-caps-imex-channels/channel0", {195, 77}});
  OciSpec spec = spec_with({"NVIDIA_IMEX_CHANNELS=0"});
  spec.mounts.push_back({"/dev/null", "/var/run/nvidia-container-devices/0"});
  config.accepts_mounts = true;
  const auto channels = [&] {
    const auto nodes = nodes_of_hook(spec, config, host, true).nodes;
    return std::ranges::count(nodes, DeviceNumber{195, 77}, &HostNode::number);
  };
  EXPECT_EQ(channels(), 1);
  config.ignores_imex_requests = true;
  EXPECT_EQ(channels(), 0);
  config.ignores_imex_requests = false;
  // A pod's author writes its environment.
  config.accepts_environment = false;
  EXPECT_EQ(channels(), 0);
  spec.may_administer = true;
  EXPECT_EQ(channels(), 1);
}

TEST(HostNodes, AnIndexIsBelievedOnlyWhereItCanBe) {
  EXPECT_EQ(find_gpu(host_of({0, 1}), "1", true)->node.path, "/dev/nvidia1");
  EXPECT_FALSE(find_gpu(host_of({0, 2}), "0", true).has_value());
  EXPECT_FALSE(find_gpu(host_of({0, 1}), "2", true).has_value());
  EXPECT_FALSE(find_gpu(host_of({0, 1}), "GPU-x", true).has_value());
  EXPECT_TRUE(find_gpu(host_of({0, 1}), "1:0", true)->is_mig);
  EXPECT_FALSE(find_gpu(host_of({0}), "-1", true).has_value());
  EXPECT_FALSE(find_gpu(host_of({0, 1}), "1", false).has_value());
  EXPECT_EQ(find_gpu(host_of({0}), "0", false)->node.path, "/dev/nvidia0");
  HostNodes known = host_of({0, 2});
  known.gpus = {{0, 2, "GPU-x", {"MIG-y"}}, {1, 0, "GPU-z", {}}};
  EXPECT_EQ(find_gpu(known, "0", true)->node.path, "/dev/nvidia2");
  EXPECT_EQ(find_gpu(known, "GPU-z", true)->node.path, "/dev/nvidia0");
  EXPECT_EQ(find_gpu(known, "MIG-y", true)->node.path, "/dev/nvidia2");
  EXPECT_EQ(find_gpu(known, "MIG-GPU-x/1/0", true)->node.path, "/dev/nvidia2");
  EXPECT_FALSE(find_gpu(known, "GPU-other", true).has_value());
}

TEST(HostNodes, KnowsNvidiasNames) {
  EXPECT_TRUE(is_nvidia_path("/dev/nvidia0"));
  EXPECT_TRUE(is_nvidia_path("/dev/nvidia-caps/nvidia-cap1"));
  EXPECT_FALSE(is_nvidia_path("/dev/nvidia"));
  EXPECT_FALSE(is_nvidia_path("/dev/dri/card0"));
  EXPECT_FALSE(is_nvidia_path("/dev/nvidia-other/x"));
}

}  // namespace
}  // namespace gpuward::containers
