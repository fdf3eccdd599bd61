#include "evidence/runtime_config.h"

#include <gtest/gtest.h>

#include "evidence/command_flags.h"
#include "evidence/kubelet_config.h"
#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

const std::string kUnits = "/usr/lib/systemd/system/";

std::vector<CgroupDriver> drivers_of(const TempTree& tree) {
  const auto root = host::Root::open(tree.path());
  return read_cgroup_drivers(ConfigFiles(*root));
}

// "docker=systemd, containerd(runc)=?"
std::string brief(const TempTree& tree) {
  std::string out;
  for (const CgroupDriver& each : drivers_of(tree)) {
    if (!out.empty()) out += ", ";
    out += each.runtime;
    if (!each.handler.empty()) out += "(" + each.handler + ")";
    out += "=" + (each.driver.empty() ? "?" : each.driver);
  }
  return out;
}

KubeletConfig kubelet_of(const TempTree& tree) {
  const auto root = host::Root::open(tree.path());
  return read_kubelet_config(ConfigFiles(*root));
}

Collected collected(const TempTree& tree) {
  const auto host = host::Host::open({tree.path(), "/run"});
  return collect_runtime_config(*host);
}

TempTree& with_docker(TempTree& tree) {
  return tree.file("/usr/bin/dockerd", "");
}

TempTree& with_containerd(TempTree& tree, const std::string& config) {
  return tree.file("/usr/bin/containerd", "")
      .file("/etc/containerd/config.toml", config);
}

TEST(DockerDriver, DefaultGoesByCgroupAndInit) {
  TempTree tree;
  EXPECT_EQ(brief(tree), "");
  with_docker(tree);
  EXPECT_EQ(brief(tree), "docker=?");
  tree.directory("/sys/fs/cgroup/devices");
  EXPECT_EQ(brief(tree), "docker=cgroupfs");
  tree.file("/sys/fs/cgroup/cgroup.controllers", "");
  EXPECT_EQ(brief(tree), "docker=cgroupfs");
  tree.directory("/run/systemd/system");
  EXPECT_EQ(brief(tree), "docker=systemd");
  EXPECT_EQ(drivers_of(tree)[0].file, "");
}

TEST(DockerDriver, FileAndFlag) {
  TempTree tree;
  with_docker(tree).file("/etc/docker/daemon.json",
                         R"({"exec-opts": ["native.cgroupdriver=cgroupfs"]})");
  EXPECT_EQ(brief(tree), "docker=cgroupfs");
  EXPECT_EQ(drivers_of(tree)[0].file, "/etc/docker/daemon.json");
  tree.file("/etc/docker/daemon.json",
            R"({"exec-opts": ["a=b", "native.cgroupdriver=systemd"]})");
  EXPECT_EQ(brief(tree), "docker=systemd");
  tree.file(kUnits + "docker.service",
            "[Service]\nExecStart=/usr/bin/dockerd -H fd:// "
            "--exec-opt native.cgroupdriver=cgroupfs\n");
  EXPECT_EQ(brief(tree), "docker=cgroupfs");
  EXPECT_TRUE(drivers_of(tree)[0].is_flag());
  EXPECT_EQ(drivers_of(tree)[0].file, kUnits + "docker.service");
}

TEST(DockerDriver, BrokenFileIsUnknown) {
  TempTree tree;
  with_docker(tree).file("/etc/docker/daemon.json", "{,}");
  EXPECT_EQ(brief(tree), "docker=?");
  EXPECT_NE(drivers_of(tree)[0].why.find("daemon.json"), std::string::npos);
  tree.file("/etc/docker/daemon.json",
            R"({"exec-opts": ["native.cgroupdriver=other"]})");
  EXPECT_EQ(brief(tree), "docker=?");
}

TEST(DockerDriver, LiveRestore) {
  TempTree tree;
  const auto root = host::Root::open(tree.path());
  const auto live = [&root] { return docker_live_restore(ConfigFiles(*root)); };
  EXPECT_EQ(live(), false);
  tree.file("/etc/docker/daemon.json", R"({"live-restore": true})");
  EXPECT_EQ(live(), true);
  tree.file("/etc/docker/daemon.json", "{");
  EXPECT_EQ(live(), std::nullopt);
}

TEST(ContainerdDriver, ThreeVersionsOfTheFormat) {
  {
    TempTree tree;
    with_containerd(tree, "[plugins.cri]\nsystemd_cgroup = true\n");
    EXPECT_EQ(brief(tree), "containerd=systemd, containerd(runc)=cgroupfs");
  }
  {
    TempTree tree;
    with_containerd(
        tree,
        "version = 2\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia]\n"
        "runtime_type = \"io.containerd.runc.v2\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia."
        "options]\nSystemdCgroup = true\n");
    EXPECT_EQ(brief(tree),
              "containerd(nvidia)=systemd, "
              "containerd(runc)=cgroupfs");
    EXPECT_EQ(drivers_of(tree)[0].key.back(), "SystemdCgroup");
    EXPECT_EQ(drivers_of(tree)[0].key.size(), 7u);
    EXPECT_EQ(drivers_of(tree)[1].file, "");
  }
  {
    TempTree tree;
    with_containerd(tree,
                    "version = 3\n"
                    "[plugins.'io.containerd.cri.v1.runtime'.containerd."
                    "runtimes.runc.options]\nSystemdCgroup = true\n"
                    "[plugins.'io.containerd.cri.v1.runtime'.containerd."
                    "runtimes.kata]\nruntime_type='io.containerd.kata.v2'\n");
    EXPECT_EQ(brief(tree), "containerd(runc)=systemd");
  }
}

TEST(ContainerdDriver, DefaultIsCgroupfs) {
  TempTree tree;
  tree.file("/usr/bin/containerd", "");
  EXPECT_EQ(brief(tree), "containerd(runc)=cgroupfs");
  with_containerd(tree, "version = 2\n");
  EXPECT_EQ(brief(tree), "containerd(runc)=cgroupfs");
}

TEST(ContainerdDriver, SwitchedOff) {
  TempTree tree;
  with_containerd(tree, "disabled_plugins = [\"cri\"]\n");
  EXPECT_EQ(brief(tree), "");
}

const std::string kSection =
    "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."
    "runc.options]\n";

TEST(ContainerdDriver, TheLastImportDecides) {
  TempTree tree;
  with_containerd(tree, "imports = [\"conf.d/*.toml\", \"/etc/x.toml\"]\n" +
                            kSection + "SystemdCgroup = true\n");
  tree.file("/etc/containerd/conf.d/10.toml",
            kSection + "SystemdCgroup = true\n");
  tree.file("/etc/containerd/conf.d/20.toml",
            kSection + "SystemdCgroup = false\n");
  tree.file("/etc/containerd/conf.d/30.conf", "not toml");
  tree.file("/etc/x.toml", "version = 2\n");
  EXPECT_EQ(brief(tree), "containerd(runc)=cgroupfs");
  EXPECT_EQ(drivers_of(tree)[0].file, "/etc/containerd/conf.d/20.toml");
}

TEST(ContainerdDriver, ASectionThatMayReplaceAnotherIsUnknown) {
  TempTree tree;
  with_containerd(tree, "imports = [\"/etc/x.toml\"]\n" + kSection +
                            "SystemdCgroup = true\n");
  tree.file("/etc/x.toml", kSection + "BinaryName = \"x\"\n");
  EXPECT_EQ(brief(tree), "containerd(runc)=?");
}

TEST(ContainerdDriver, AMissingImportIsUnknown) {
  TempTree tree;
  with_containerd(tree, "imports = [\"/etc/x.toml\"]\n" + kSection +
                            "SystemdCgroup = true\n");
  EXPECT_EQ(brief(tree), "containerd=?");
}

TEST(ContainerdDriver, ImportsThatGoRoundEnd) {
  TempTree tree;
  with_containerd(tree, "imports = [\"/etc/x.toml\"]\n");
  tree.file("/etc/x.toml", "imports = [\"/etc/containerd/config.toml\"]\n" +
                               kSection + "SystemdCgroup = true\n");
  EXPECT_EQ(brief(tree), "containerd(runc)=systemd");
}

TEST(CrioDriver, FilesInOrder) {
  TempTree tree;
  tree.file("/usr/bin/crio", "");
  EXPECT_EQ(brief(tree), "cri-o=systemd");
  tree.file("/etc/crio/crio.conf",
            "[crio.runtime]\ncgroup_manager = \"cgroupfs\"\n");
  EXPECT_EQ(brief(tree), "cri-o=cgroupfs");
  tree.file("/etc/crio/crio.conf.d/10-x",
            "[crio.runtime]\ncgroup_manager = \"systemd\"\n");
  EXPECT_EQ(brief(tree), "cri-o=systemd");
  EXPECT_EQ(drivers_of(tree)[0].file, "/etc/crio/crio.conf.d/10-x");
  tree.file("/etc/crio/crio.conf.d/20-x", "[[[");
  EXPECT_EQ(brief(tree), "cri-o=?");
}

TEST(PodmanDriver, Files) {
  TempTree tree;
  tree.file("/usr/bin/podman", "");
  EXPECT_EQ(brief(tree), "podman=cgroupfs");
  tree.directory("/run/systemd/system");
  EXPECT_EQ(brief(tree), "podman=systemd");
  tree.file("/etc/containers/containers.conf.d/x.conf",
            "[engine]\ncgroup_manager = \"cgroupfs\"\n");
  EXPECT_EQ(brief(tree), "podman=cgroupfs");
}

TEST(ConfigFiles, ATextInTheFilesPlace) {
  TempTree tree;
  with_docker(tree).file("/etc/docker/daemon.json",
                         R"({"exec-opts": ["native.cgroupdriver=systemd"]})");
  const auto root = host::Root::open(tree.path());
  ConfigFiles files(*root);
  files.put("/etc/docker/daemon.json",
            R"({"exec-opts": ["native.cgroupdriver=cgroupfs"]})");
  EXPECT_EQ(read_cgroup_drivers(files)[0].driver, "cgroupfs");
  files.put("/etc/new.d/a.conf", "");
  EXPECT_EQ(files.matching("/etc/new.d/*.conf").size(), 1u);
}

TEST(Kubelet, Absent) {
  TempTree tree;
  EXPECT_FALSE(kubelet_of(tree).present);
  // A device plugin's mount makes this folder where no kubelet ever ran.
  tree.directory("/var/lib/kubelet/device-plugins");
  EXPECT_FALSE(kubelet_of(tree).present);
}

TEST(Kubelet, FileFlagsAndDropIns) {
  TempTree tree;
  tree.file("/var/lib/kubelet/config.yaml",
            "kind: KubeletConfiguration\ncgroupDriver: systemd\n");
  KubeletConfig kubelet = kubelet_of(tree);
  EXPECT_TRUE(kubelet.present);
  EXPECT_EQ(kubelet.cgroup_driver.value, "systemd");
  EXPECT_EQ(kubelet.cpu_manager.value, "none");

  tree.file(kUnits + "kubelet.service",
            "[Service]\nExecStart=/usr/bin/kubelet\n");
  tree.file("/etc/systemd/system/kubelet.service.d/10.conf",
            "[Service]\nEnvironment=\"A=--config-dir=/etc/kubelet.d\"\n"
            "ExecStart=\nExecStart=/usr/bin/kubelet $A\n");
  tree.file("/etc/kubelet.d/90.conf",
            "cgroupDriver: cgroupfs\ncpuManagerPolicy: static\n");
  kubelet = kubelet_of(tree);
  EXPECT_EQ(kubelet.cgroup_driver.value, "cgroupfs");
  EXPECT_EQ(kubelet.cgroup_driver.file, "/etc/kubelet.d/90.conf");
  EXPECT_EQ(kubelet.cpu_manager.value, "static");

  tree.file("/var/lib/kubelet/kubeadm-flags.env",
            "KUBELET_KUBEADM_ARGS=\"--cgroup-driver=systemd --x=y\"\n");
  tree.file("/etc/default/kubelet",
            "# KUBELET_EXTRA_ARGS=--cgroup-driver=cgroupfs\n"
            "KUBELET_EXTRA_ARGS=--cpu-manager-policy none\n");
  kubelet = kubelet_of(tree);
  EXPECT_EQ(kubelet.cgroup_driver.value, "systemd");
  EXPECT_EQ(kubelet.cgroup_driver.key, "--cgroup-driver");
  EXPECT_EQ(kubelet.cpu_manager.value, "none");
}

TEST(Kubelet, UnsetOrBrokenIsUnknown) {
  TempTree tree;
  tree.file("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n");
  EXPECT_EQ(kubelet_of(tree).cgroup_driver.value, "");
  EXPECT_NE(kubelet_of(tree).cgroup_driver.why, "");
  tree.file("/var/lib/kubelet/config.yaml", "a: [");
  EXPECT_EQ(kubelet_of(tree).cgroup_driver.value, "");
  EXPECT_EQ(kubelet_of(tree).cpu_manager.value, "");
  TempTree other;
  other.file("/usr/local/bin/k3s", "");
  EXPECT_TRUE(kubelet_of(other).present);
  EXPECT_EQ(kubelet_of(other).cgroup_driver.value, "");
}

TEST(RuntimeConfig, TheWorstIsTheNodesFact) {
  TempTree tree;
  with_containerd(tree, kSection + "SystemdCgroup = true\n");
  with_docker(tree).file("/etc/docker/daemon.json",
                         R"({"exec-opts": ["native.cgroupdriver=cgroupfs"]})");
  tree.file("/var/lib/kubelet/config.yaml",
            "cgroupDriver: systemd\ncpuManagerPolicy: static\n");
  const Collected got = collected(tree);
  ASSERT_EQ(got.evidence.size(), 3u);
  EXPECT_EQ(got.evidence[0].key, fact::kCgroupDriver);
  EXPECT_EQ(to_text(got.evidence[0].value), "systemd");
  EXPECT_EQ(got.evidence[0].text,
            "docker uses the cgroupfs cgroup driver (exec-opts in "
            "/etc/docker/daemon.json); containerd (runc) uses the systemd "
            "cgroup driver (SystemdCgroup in /etc/containerd/config.toml)");
  EXPECT_EQ(to_text(got.evidence[1].value), "systemd");
  EXPECT_EQ(to_text(got.evidence[2].value), "static");
  EXPECT_TRUE(got.gaps.empty());
}

TEST(RuntimeConfig, OneUnknownKeepsCgroupfsFromBeingSaid) {
  TempTree tree;
  with_containerd(tree, "[[");
  with_docker(tree).file("/etc/docker/daemon.json",
                         R"({"exec-opts": ["native.cgroupdriver=cgroupfs"]})");
  const Collected got = collected(tree);
  EXPECT_TRUE(got.evidence.empty());
  ASSERT_EQ(got.gaps.size(), 1u);
  EXPECT_NE(got.gaps[0].why.find("config.toml: line 1"), std::string::npos);
}

TEST(RuntimeConfig, NothingInstalledIsNothing) {
  TempTree tree;
  EXPECT_TRUE(collected(tree).evidence.empty());
  EXPECT_TRUE(collected(tree).gaps.empty());
}

TEST(CommandFlags, Values) {
  using Values = std::vector<std::string>;
  EXPECT_EQ(flag_values("x --a=1 --a 2 --ab=3", "--a"), (Values{"1", "2"}));
  EXPECT_EQ(flag_values("A=\"--a=1\"", "--a"), Values{"1"});
  EXPECT_EQ(flag_values("\"A=--b --a=1\" B=2", "--a"), Values{"1"});
  EXPECT_EQ(flag_values("--a", "--a"), Values{});
}

}  // namespace
}  // namespace gpuward::evidence
