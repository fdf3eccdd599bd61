#include "evidence/boot.h"
#include "evidence/driver.h"
#include "evidence/kernel_log.h"
#include "evidence/kubelet_log.h"
#include "evidence/library.h"
#include "evidence/nodes.h"
#include "evidence/pci.h"
#include "evidence/persistence.h"
#include "evidence/software.h"
#include "evidence/source.h"
#include "evidence/tasks.h"

namespace gpuward {
namespace {

// Tasks before the logs: what a stuck task does is gone soonest.
constexpr Source kSources[] = {
    {"boot", "boot, kernel, host name, distribution", collect_boot},
    {"tasks", "tasks that sit in the NVIDIA driver", collect_tasks},
    {"driver", "the kernel module, loaded and on disk", collect_driver},
    {"library", "libnvidia-ml where drivers put it", collect_library},
    {"pci", "NVIDIA devices on the PCI bus", collect_pci},
    {"nodes", "device nodes and their majors", collect_nodes},
    {"persistence", "nvidia-persistenced and its unit", collect_persistence},
    {"software", "systemd and cgroup versions", collect_software},
    {"kernel-log", "kmsg, journal, kern.log", collect_kernel_log},
    {"kubelet-log", "the kubelet's log of this boot", collect_kubelet_log},
};

}  // namespace

std::span<const Source> sources() { return kSources; }

}  // namespace gpuward
