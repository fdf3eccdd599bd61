#include "containers/plugin_container.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "support/temp_tree.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kId =
    "0d4f6a0d4f6a0d4f6a0d4f6a0d4f6a0d4f6a0d4f6a0d4f6a0d4f6a0d4f6a0d4f";

class PluginContainers : public ::testing::Test {
 protected:
  PluginContainers() {
    tree_.file("/proc/uptime", "1000.00 1\n")
        .file("/proc/31207/stat",
              "31207 (nvidia-device-p) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 "
              "100 0 0");
  }
  void cgroup(const std::string& path) {
    tree_.file("/proc/31207/cgroup", "0::" + path + "\n");
  }
  PluginContainer found() {
    const auto all = find_plugin_containers(*host::Root::open(tree_.path()));
    EXPECT_TRUE(all && all->size() == 1);
    return all && !all->empty() ? all->front() : PluginContainer{};
  }
  TempTree tree_;
};

TEST_F(PluginContainers, OneOfContainerdIsNamed) {
  cgroup(
      fmt::format("/kubepods.slice/kubepods-besteffort.slice/"
                  "kubepods-besteffort-pod1.slice/cri-containerd-{}.scope",
                  kId));
  tree_.file(
      fmt::format("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/"
                  "config.json",
                  kId),
      R"({"ociVersion":"1.0.2","process":{"args":["x"]},"root":{"path":"rootfs"},
       "linux":{},"annotations":{
        "io.kubernetes.cri.container-type":"container",
        "io.kubernetes.cri.sandbox-name":"nvidia-device-plugin-bbp4x",
        "io.kubernetes.cri.sandbox-namespace":"gpu-operator",
        "io.kubernetes.cri.container-name":"nvidia-device-plugin"}})");
  const PluginContainer one = found();
  EXPECT_EQ(one.why_not, "");
  EXPECT_EQ(one.runtime, "containerd");
  EXPECT_EQ(one.id, kId);
  EXPECT_EQ(one.socket, "/run/containerd/containerd.sock");
  EXPECT_EQ(one.pod, "nvidia-device-plugin-bbp4x");
  EXPECT_EQ(one.pod_namespace, "gpu-operator");
  EXPECT_EQ(one.name, "nvidia-device-plugin");
}

TEST_F(PluginContainers, OneThatRunsOnTheHostHasNone) {
  cgroup("/system.slice/nvidia-device-plugin.service");
  EXPECT_NE(found().why_not.find("no container"), std::string::npos);
}

TEST(RuntimeSocket, IsThatOfTheDistribution) {
  EXPECT_EQ(runtime_socket("containerd", "/run/k3s/containerd/x/config.json"),
            "/run/k3s/containerd/containerd.sock");
  EXPECT_EQ(runtime_socket("containerd",
                           "/var/snap/microk8s/common/run/x/config.json"),
            "/var/snap/microk8s/common/run/containerd.sock");
  EXPECT_EQ(runtime_socket("cri-o", ""), "/run/crio/crio.sock");
  EXPECT_EQ(runtime_socket("docker", ""), "");
}

}  // namespace
}  // namespace gpuward::containers
