#include "kubelet/plugin/answer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kubelet/plugin/snapshots_for_tests.h"

namespace gpuward::kubelet::plugin {
namespace {

using Ids = std::vector<std::string>;

// A resource of `devices` healthy devices "GPU-0" …, or of their replicas.
struct Node {
  Settings settings;
  Resource resource{.name = "nvidia.com/gpu"};
  HealthState health;
  std::vector<std::string> there = {"/dev/nvidiactl", "/dev/nvidia-uvm",
                                    "/dev/nvidia-uvm-tools"};

  explicit Node(int devices, int replicas = 0) {
    for (int i = 0; i < devices; ++i) {
      PluginDevice device;
      device.id = device.uuid = device.gpu = fmt::format("GPU-{}", i);
      device.index = std::to_string(i);
      device.nodes = {fmt::format("/dev/nvidia{}", i)};
      health.units[device.uuid].healthy = true;
      if (replicas == 0) resource.devices.push_back(device);
      for (int k = 0; k < replicas; ++k) {
        PluginDevice replica = device;
        replica.id = fmt::format("{}::{}", device.uuid, k);
        replica.is_replica = true;
        resource.devices.push_back(replica);
      }
    }
  }

  Result<std::vector<wire::Allocation>> ask(
      const std::vector<wire::DeviceIds>& wishes) {
    return allocate({resource, health, settings,
                     [this](std::string_view path) {
                       return std::ranges::find(there, path) != there.end();
                     },
                     [] { return "00000000-1111-2222-3333-444444444444"; }},
                    wishes);
  }
  wire::Allocation give(const wire::DeviceIds& ids) {
    const auto got = ask({ids});
    EXPECT_TRUE(got.has_value()) << got.error().text;
    return got ? got->at(0) : wire::Allocation{};
  }
  Error refuse(const wire::DeviceIds& ids) {
    const auto got = ask({ids});
    EXPECT_FALSE(got.has_value());
    return got ? Error{} : got.error();
  }
};

constexpr const char* kVisible = "NVIDIA_VISIBLE_DEVICES";
constexpr const char* kVolumes = "/var/run/nvidia-container-devices";
constexpr const char* kAnnotation =
    "cdi.k8s.io/nvidia-device-plugin_00000000-1111-2222-3333-444444444444";
constexpr const char* kCdi0 = "k8s.device-plugin.nvidia.com/gpu=GPU-0";
constexpr const char* kCdi1 = "k8s.device-plugin.nvidia.com/gpu=GPU-1";

TEST(Allocate, A5_an_unknown_device_is_named) {
  Node node(2);
  const Error error = node.refuse({"GPU-0", "GPU-7"});
  EXPECT_EQ(error.kind, Error::Kind::malformed);
  EXPECT_EQ(error.text, "invalid request: unknown device: GPU-7");
}

TEST(Allocate, A5_duplicates_count_once_and_replicas_are_their_device) {
  Node node(2, 3);
  EXPECT_EQ(node.give({"GPU-1::2", "GPU-0::1", "GPU-1::0", "GPU-0::1"})
                .envs[kVisible],
            "GPU-1,GPU-0");
}

TEST(Allocate, A5_one_replica_at_a_time) {
  Node node(2, 3);
  node.settings.sharing.one_at_a_time = true;
  const Error error = node.refuse({"GPU-1::2", "GPU-0::1"});
  EXPECT_EQ(error.kind, Error::Kind::malformed);
  EXPECT_EQ(error.text,
            "invalid request: maximum request size for shared resources is 1; "
            "found 2");
  node.give({"GPU-1::2"});
  node.give({"GPU-1::2", "GPU-1::2"});
  Node whole(2);
  whole.settings.sharing.one_at_a_time = true;
  whole.give({"GPU-0", "GPU-1"});
}

TEST(Allocate, A5_as_many_answers_as_wishes_in_their_order) {
  Node node(2);
  const auto got = node.ask({{"GPU-1"}, {"GPU-0"}, {}});
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->size(), 3u);
  EXPECT_EQ(got->at(0).envs.at(kVisible), "GPU-1");
  EXPECT_EQ(got->at(1).envs.at(kVisible), "GPU-0");
  EXPECT_EQ(got->at(2).envs.at(kVisible), "");
  EXPECT_TRUE(node.ask({})->empty());
}

TEST(Allocate, A6_envvar) {
  EXPECT_EQ(Node(2).give({"GPU-1", "GPU-0"}),
            (wire::Allocation{.envs = {{kVisible, "GPU-1,GPU-0"}}}));
}

TEST(Allocate, A6_volume_mounts) {
  Node node(2);
  node.settings.list = {.volume_mounts = true};
  EXPECT_EQ(node.give({"GPU-0", "GPU-1"}),
            (wire::Allocation{
                .envs = {{kVisible, kVolumes}},
                .mounts = {{std::string(kVolumes) + "/GPU-0", "/dev/null"},
                           {std::string(kVolumes) + "/GPU-1", "/dev/null"}}}));
}

TEST(Allocate, A6_envvar_and_volume_mounts) {
  Node node(2);
  node.settings.list = {.envvar = true, .volume_mounts = true};
  EXPECT_EQ(node.give({"GPU-0"}),
            (wire::Allocation{
                .envs = {{kVisible, kVolumes}},
                .mounts = {{std::string(kVolumes) + "/GPU-0", "/dev/null"}}}));
}

TEST(Allocate, A6_cdi_annotations) {
  Node node(2);
  node.settings.list = {.cdi_annotations = true};
  EXPECT_EQ(
      node.give({"GPU-0", "GPU-1"}),
      (wire::Allocation{
          .annotations = {{kAnnotation, std::string(kCdi0) + "," + kCdi1}}}));
  node.settings.cdi_annotation_prefix = "x/";
  EXPECT_TRUE(node.give({"GPU-0"}).annotations.contains(
      "x/nvidia-device-plugin_00000000-1111-2222-3333-444444444444"));
}

TEST(Allocate, A6_cdi_cri) {
  Node node(2);
  node.settings.list = {.cdi_cri = true};
  EXPECT_EQ(node.give({"GPU-0", "GPU-1"}),
            (wire::Allocation{.cdi_devices = {kCdi0, kCdi1}}));
}

TEST(Allocate, A6_all_four) {
  Node node(1);
  node.settings.list = {true, true, true, true};
  EXPECT_EQ(node.give({"GPU-0"}),
            (wire::Allocation{
                .envs = {{kVisible, kVolumes}},
                .mounts = {{std::string(kVolumes) + "/GPU-0", "/dev/null"}},
                .annotations = {{kAnnotation, kCdi0}},
                .cdi_devices = {kCdi0}}));
}

TEST(Allocate, A6_device_specs_and_optional_nodes) {
  Node node(2);
  node.settings.pass_device_specs = true;
  EXPECT_EQ(
      node.give({"GPU-1"}),
      (wire::Allocation{
          .envs = {{kVisible, "GPU-1"}},
          .nodes = {{"/dev/nvidiactl", "/dev/nvidiactl", "rw"},
                    {"/dev/nvidia-uvm", "/dev/nvidia-uvm", "rw"},
                    {"/dev/nvidia-uvm-tools", "/dev/nvidia-uvm-tools", "rw"},
                    {"/dev/nvidia1", "/dev/nvidia1", "rw"}}}));
  node.there.clear();
  EXPECT_EQ(node.give({"GPU-1"}).nodes.size(), 1u);
}

TEST(Allocate, A6_device_specs_below_the_dev_root) {
  Node node(1);
  node.settings.pass_device_specs = true;
  for (const char* root : {"/run/nvidia/driver", "/run/nvidia/driver/"}) {
    node.settings.dev_root = root;
    EXPECT_EQ(node.give({"GPU-0"}).nodes.back(),
              (wire::DeviceNode{"/dev/nvidia0",
                                "/run/nvidia/driver/dev/nvidia0", "rw"}));
  }
  node.settings.dev_root = "";
  EXPECT_EQ(node.give({"GPU-0"}).nodes.back().host_path, "/dev/nvidia0");
}

TEST(Allocate, A6_cdi_alone_needs_no_device_specs) {
  Node node(1);
  node.settings.pass_device_specs = true;
  node.settings.list = {.cdi_annotations = true, .cdi_cri = true};
  EXPECT_TRUE(node.give({"GPU-0"}).nodes.empty());
  node.settings.list.envvar = true;
  EXPECT_FALSE(node.give({"GPU-0"}).nodes.empty());
}

TEST(Allocate, A6_nodes_of_mig_devices_each_once) {
  Node node(1);
  node.settings.pass_device_specs = true;
  node.there.clear();
  node.resource.devices.clear();
  for (int i = 0; i < 2; ++i) {
    PluginDevice device;
    device.id = device.uuid = fmt::format("MIG-{}", i);
    device.nodes = {"/dev/nvidia0",
                    fmt::format("/dev/nvidia-caps/nvidia-cap{}", 10 * i + 1),
                    fmt::format("/dev/nvidia-caps/nvidia-cap{}", 10 * i + 2)};
    node.health.units[device.uuid].healthy = true;
    node.resource.devices.push_back(device);
  }
  const auto nodes = node.give({"MIG-0", "MIG-1"}).nodes;
  ASSERT_EQ(nodes.size(), 5u);
  EXPECT_EQ(nodes[0].container_path, "/dev/nvidia0");
  EXPECT_EQ(nodes[4].container_path, "/dev/nvidia-caps/nvidia-cap12");
  node.resource.devices[0].nodes.clear();
  EXPECT_EQ(node.refuse({"MIG-0"}).kind, Error::Kind::not_found);
}

TEST(Allocate, A6_mps) {
  Node node(1, 2);
  node.resource.name = "nvidia.com/gpu.shared";
  node.resource.mps = true;
  node.settings.mps_root = "/run/nvidia/mps";
  node.settings.list.volume_mounts = true;
  EXPECT_EQ(node.give({"GPU-0::1"}),
            (wire::Allocation{
                .envs = {{"CUDA_MPS_PIPE_DIRECTORY",
                          "/mps/nvidia.com/gpu.shared/pipe"},
                         {kVisible, kVolumes}},
                .mounts = {{"/mps/nvidia.com/gpu.shared/pipe",
                            "/run/nvidia/mps/nvidia.com/gpu.shared/pipe"},
                           {"/dev/shm", "/run/nvidia/mps/shm"},
                           {std::string(kVolumes) + "/GPU-0", "/dev/null"}}}));
  node.settings.list = {.cdi_cri = true};
  EXPECT_EQ(node.give({"GPU-0::1"}).mounts.size(), 2u);
}

TEST(Allocate, A6_by_index) {
  Node node(3, 2);
  node.settings.ids_by_index = true;
  node.settings.list = {.envvar = true, .cdi_cri = true};
  const wire::Allocation got = node.give({"GPU-2::0", "GPU-0::1", "GPU-2::1"});
  EXPECT_EQ(got.envs.at(kVisible), "2,0");
  EXPECT_EQ(got.cdi_devices, (Ids{"k8s.device-plugin.nvidia.com/gpu=2",
                                  "k8s.device-plugin.nvidia.com/gpu=0"}));
}

TEST(Allocate, A7_what_is_unhealthy_is_not_handed_out) {
  Node node(2, 2);
  node.health.units["GPU-1"] = {.healthy = false, .reason = "Xid 79: gone"};
  const Error error = node.refuse({"GPU-1::0"});
  EXPECT_EQ(error.kind, Error::Kind::gone);
  EXPECT_EQ(error.text, "device GPU-1::0 is unhealthy: Xid 79: gone");
  node.give({"GPU-0::0"});
  node.settings.allow_unhealthy = true;
  node.give({"GPU-1::0"});
}

TEST(Allocate, A7_nor_what_has_a_problem) {
  Node node(1);
  node.resource.problem = "MIG devices of several profiles";
  EXPECT_EQ(node.refuse({"GPU-0"}).text,
            "no device of nvidia.com/gpu is handed out: MIG devices of several "
            "profiles");
  // What nobody has judged is not healthy.
  node.resource.problem.clear();
  node.health.units.clear();
  EXPECT_EQ(node.refuse({"GPU-0"}).text,
            "device GPU-0 is unhealthy: nothing has been heard of it yet");
}

TEST(Allocate, A8_equal_wishes_have_equal_answers) {
  Node node(4);
  node.settings.list = {true, true, true, true};
  node.settings.pass_device_specs = true;
  const wire::DeviceIds ids = {"GPU-3", "GPU-1", "GPU-2"};
  EXPECT_EQ(wire::encode(*node.ask({ids})), wire::encode(*node.ask({ids})));
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
