// Pieces that are files of the machine, taken as they are.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "bundle/pieces.h"

namespace gpuward::bundle {
namespace {

// The kernel's own, computed from memory.
constexpr FileSet kKernel[] = {
    {"/proc/version"},
    {"/proc/cmdline"},
    {"/proc/uptime"},
    {"/proc/loadavg"},
    {"/proc/meminfo"},
    {"/proc/modules"},
    {"/proc/devices"},
    {"/proc/interrupts"},
    {"/proc/iomem"},
    {"/proc/cgroups"},
    {"/proc/filesystems"},
    {"/proc/pressure/*"},
    {"/proc/sys/kernel/osrelease"},
    {"/proc/sys/kernel/tainted"},
    {"/proc/sys/kernel/hung_task_timeout_secs"},
    {"/proc/sys/kernel/hung_task_warnings"},
    {"/sys/module/nvidia*/version"},
    {"/sys/module/nvidia*/srcversion"},
    {"/sys/module/nvidia*/refcnt"},
    {"/sys/module/nvidia*/initstate"},
    {"/sys/module/nvidia*/taint"},
    {"/sys/module/nvidia*/parameters/*"},
    {"/sys/module/nouveau/version"},
};

// Never here: keys, kubeconfigs, docker's config.json, tokens of licences.
constexpr FileSet kConfiguration[] = {
    {"/etc/os-release"},
    {"/etc/modprobe.d/*.conf"},
    {"/lib/modprobe.d/*nvidia*"},
    {"/usr/lib/modprobe.d/*nvidia*"},
    {"/run/modprobe.d/*.conf"},
    {"/etc/modules-load.d/*.conf"},
    {"/etc/udev/rules.d/*nvidia*"},
    {"/lib/udev/rules.d/*nvidia*"},
    {"/usr/lib/udev/rules.d/*nvidia*"},
    {"/etc/nvidia-container-runtime/*.toml"},
    {"/etc/nvidia-imex/*.cfg"},
    {"/usr/share/nvidia/nvswitch/fabricmanager.cfg"},
    {"/var/log/fabricmanager.log", 512 << 10, true},
    {"/var/log/nvidia-installer.log", 128 << 10, true},
    {"/var/log/nvidia-container-runtime.log", 256 << 10, true},
    {"/etc/cdi/*"},
    {"/run/cdi/*"},
    {"/etc/docker/daemon.json"},
    {"/etc/containerd/config.toml"},
    {"/etc/containerd/conf.d/*.toml"},
    {"/var/lib/rancher/*/agent/etc/containerd/config.toml"},
    {"/etc/crio/crio.conf"},
    {"/etc/crio/crio.conf.d/*"},
    {"/etc/containers/*.conf"},
    {"/usr/share/containers/containers.conf"},
    {"/var/lib/kubelet/config.yaml"},
    {"/var/lib/kubelet/kubeadm-flags.env"},
    {"/var/lib/kubelet/cpu_manager_state"},
    {"/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"},
    {"/etc/kubernetes/kubelet.conf.d/*"},
    {"/etc/default/kubelet"},
    {"/etc/default/docker"},
    {"/etc/sysconfig/kubelet"},
    {"/etc/sysconfig/docker"},
    {"/etc/rancher/*/config.yaml"},
};

// In the order of systemd.unit(5); /lib is a link on most machines.
constexpr std::string_view kUnitFolders[] = {
    "/etc/systemd/system",         "/run/systemd/system",
    "/run/systemd/transient",      "/run/systemd/system.control",
    "/etc/systemd/system.control", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",     "/lib/systemd/system"};
constexpr std::string_view kUnits[] = {
    "docker.service",     "docker.socket",
    "containerd.service", "kubelet.service",
    "crio.service",       "cri-docker.service",
    "podman.service",     "k3s*.service",
    "rke2*.service",      "nvidia-*",
    "gpuward*",           "dcgm*",
    "docker-*.scope",     "cri-containerd-*.scope",
    "crio-*.scope",       "libpod-*.scope",
    "snap.docker.*",      "snap.microk8s.*"};

}  // namespace

Pieces collect_kernel_files(const Job& job) {
  Pieces out;
  collect_files(job.host.evidence, kKernel, out);
  return out;
}

Pieces collect_configuration(const Job& job) {
  Pieces out;
  collect_files(job.host.evidence, kConfiguration, out);
  return out;
}

Pieces collect_units(const Job& job) {
  Pieces out;
  for (const std::string_view folder : kUnitFolders) {
    for (const std::string_view unit : kUnits) {
      const std::string path = std::string(folder) + "/" + std::string(unit);
      const std::string drop_ins = path + ".d/*.conf";
      const std::array<FileSet, 2> sets = {FileSet{path}, FileSet{drop_ins}};
      collect_files(job.host.evidence, sets, out);
    }
  }
  return out;
}

}  // namespace gpuward::bundle
