#include "evidence/boot.h"
#include "evidence/dev_char_links.h"
#include "evidence/device_plugin.h"
#include "evidence/driver.h"
#include "evidence/fabric_manager.h"
#include "evidence/gpu_operator.h"
#include "evidence/kernel_log.h"
#include "evidence/kubelet_log.h"
#include "evidence/kubelet_port.h"
#include "evidence/library.h"
#include "evidence/mps_control.h"
#include "evidence/node_access.h"
#include "evidence/nodes.h"
#include "evidence/pci.h"
#include "evidence/persistence.h"
#include "evidence/pod_logs.h"
#include "evidence/registered_devices.h"
#include "evidence/reloads.h"
#include "evidence/runtime_config.h"
#include "evidence/runtime_versions.h"
#include "evidence/secure_boot.h"
#include "evidence/software.h"
#include "evidence/source.h"
#include "evidence/tasks.h"

namespace gpuward::evidence {
namespace {

// Tasks before the logs: what a stuck task does is gone soonest.
constexpr Source kSources[] = {
    {"boot", "boot, kernel, host name, distribution", collect_boot},
    {"tasks", "tasks that sit in the NVIDIA driver", collect_tasks},
    {"device-plugin", "the processes of NVIDIA's device plugin",
     collect_device_plugin},
    {"driver", "the kernel module, loaded and on disk", collect_driver},
    {"library", "libnvidia-ml where drivers put it", collect_library},
    {"pci", "NVIDIA devices on the PCI bus", collect_pci},
    {"nodes", "device nodes and their majors", collect_nodes},
    {"node-access", "modes of device nodes, and nvidia-uvm",
     collect_node_access},
    {"secure-boot", "whether Secure Boot is on", collect_secure_boot},
    {"fabric-manager", "the fabric manager, where there are NVSwitches",
     collect_fabric_manager},
    {"dev-char-links", "links in /dev/char for device nodes",
     collect_dev_char_links},
    {"persistence", "nvidia-persistenced and its unit", collect_persistence},
    {"software", "systemd and cgroup versions", collect_software},
    {"runtime-versions", "versions of the container runtimes",
     collect_runtime_versions},
    {"runtime-config", "cgroup drivers of the runtimes and the kubelet",
     collect_runtime_config},
    {"gpu-operator", "the GPU Operator, by its containers",
     collect_gpu_operator},
    {"mps", "nvidia-cuda-mps-control, where something wants it",
     collect_mps_control},
    {"registered-devices", "devices that the kubelet holds for healthy",
     collect_registered_devices},
    {"reloads", "reloads of systemd in this boot", collect_reloads},
    {"kernel-log", "kmsg, journal, kern.log", collect_kernel_log},
    {"kubelet-log", "the kubelet's log of this boot", collect_kubelet_log},
    {"kubelet-port", "the kubelet's own word on its loop and its pods",
     collect_kubelet_port},
    {"pod-log", "logs of NVIDIA's device plugin, MPS daemon and MIG manager",
     collect_pod_logs},
};

}  // namespace

std::span<const Source> sources() { return kSources; }

}  // namespace gpuward::evidence
