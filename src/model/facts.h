// The keys of facts: those that --fact takes, that the extractors find in text
// and that the live sources give. An interface: added, never renamed.
//
// Value types: text unless noted. Where a fact is about one GPU, its subject is
// that GPU; otherwise the node.
#pragma once

#include <span>
#include <string_view>

namespace gpuward::fact {

// All of those below: cmake/fact_keys.cmake reads this file.
std::span<const std::string_view> all_keys();

// Driver and library.
inline constexpr std::string_view kDriver = "driver";  // "570.158.01", loaded
inline constexpr std::string_view kModule = "module";  // "open", "proprietary"
inline constexpr std::string_view kLibrary =
    "library";  // libnvidia-ml's version
// "found", "absent"
inline constexpr std::string_view kLibraryState = "library_state";
inline constexpr std::string_view kModuleLoaded = "module_loaded";   // bool
inline constexpr std::string_view kModuleOnDisk = "module_on_disk";  // version
inline constexpr std::string_view kDeviceMajor =
    "device_major";  // in /proc/devices, integer
inline constexpr std::string_view kDeviceNodes =
    "device_nodes";  // integer, /dev/nvidiaN

// "on", "off": whether the firmware lets only signed code start.
inline constexpr std::string_view kSecureBoot = "secure_boot";
// Of /dev/nvidiactl: "0666", as the driver makes it by default.
inline constexpr std::string_view kGpuNodeMode = "gpu_node_mode";
// What CUDA needs beside NVML: "present", "absent", "wrong major".
inline constexpr std::string_view kUvm = "uvm";

// Fabric. nvswitches: integer, on the PCI bus; from Blackwell on they are not
// seen there. fabric_manager: "running", "stopped", "absent".
inline constexpr std::string_view kNvswitches = "nvswitches";
inline constexpr std::string_view kFabricManager = "fabric_manager";
inline constexpr std::string_view kFabricManagerVersion =
    "fabric_manager_version";

// Machine.
inline constexpr std::string_view kGpu = "gpu";  // model, "NVIDIA H20"
inline constexpr std::string_view kPciGpus =
    "pci_gpus";  // integer, NVIDIA GPUs on the bus
inline constexpr std::string_view kPciDriver =
    "pci_driver";  // per GPU: "nvidia", "nouveau", "vfio-pci", "none"
inline constexpr std::string_view kNvmlGpus =
    "nvml_gpus";  // integer, nvmlDeviceGetCount
inline constexpr std::string_view kExpectedGpus = "expected_gpus";  // integer
inline constexpr std::string_view kUptimeDays =
    "uptime_days";  // double, since boot
inline constexpr std::string_view kKernel = "kernel";
inline constexpr std::string_view kHungTask =
    "hung_task";  // a task in state D, in words
// bool, true where hung_task's stack is in the NVIDIA driver
inline constexpr std::string_view kHungInDriver = "hung_in_driver";
inline constexpr std::string_view kHostname = "hostname";

// MIG: "off", "all", "mixed" (some GPUs split, others whole); per GPU "on",
// "off".
inline constexpr std::string_view kMig = "mig";
// Per GPU, only where it differs from the mode now: what MIG will be after a
// reset, "on", "off".
inline constexpr std::string_view kMigPending = "mig_pending";

// Persistence.
inline constexpr std::string_view kPersistence = "persistence";  // "on", "off"
// "running", "absent", "stopped"
inline constexpr std::string_view kPersistenced = "persistenced";
inline constexpr std::string_view kPersistencedFlag =
    "persistenced_flag";  // "--no-persistence-mode"

// The probe. probe: "answering", "slow", "waiting", "stuck", "failed",
// "not-run". waiting: the patience ran out before the call's deadline did.
inline constexpr std::string_view kProbe = "probe";
inline constexpr std::string_view kProbeSymbol =
    "probe_symbol";  // "nvmlInit_v2"
inline constexpr std::string_view kProbeTaskState =
    "probe_task_state";  // "S", "D", "R"
inline constexpr std::string_view kProbeWchan = "probe_wchan";
inline constexpr std::string_view kProbeStack =
    "probe_stack";  // frames joined by " < "
inline constexpr std::string_view kProbeSeconds =
    "probe_seconds";  // double, in that call so far
inline constexpr std::string_view kProbeWhere =
    "probe_where";  // "kernel", "user"
inline constexpr std::string_view kProbeSlowest =
    "probe_slowest_seconds";  // double, slowest call that returned
// The return of nvmlInit, or per GPU of its handle or of the first reading
// that failed with a fatal return: "GPU_IS_LOST", "DRIVER_NOT_LOADED", …
inline constexpr std::string_view kNvml = "nvml";

// What the driver asks for, per GPU: "none", "reset the GPU", "reboot the
// node".
inline constexpr std::string_view kRecoveryAction = "recovery_action";

// Memory and its spare rows, per GPU. ecc_uncorrected: integer, since the
// driver was loaded or the GPU reset.
inline constexpr std::string_view kEccUncorrected = "ecc_uncorrected";
inline constexpr std::string_view kRowsPending = "rows_pending";  // bool
inline constexpr std::string_view kRowsFailed = "rows_failed";    // bool
// Why the clocks are as they are, per GPU, in words: model/fields.h.
inline constexpr std::string_view kClockReasons = "clock_reasons";
// Lanes, integers per GPU.
inline constexpr std::string_view kPcieWidth = "pcie_width";
inline constexpr std::string_view kPcieWidthMax = "pcie_width_max";
// Integers per GPU, only of one that is busy: an idle one slows its link down.
inline constexpr std::string_view kPcieGeneration = "pcie_generation";
inline constexpr std::string_view kPcieGenerationMax = "pcie_generation_max";

// Software around it.
inline constexpr std::string_view kRunc = "runc";
inline constexpr std::string_view kSystemd = "systemd";
inline constexpr std::string_view kCgroup = "cgroup";  // "v1", "v2"
inline constexpr std::string_view kCgroupDriver =
    "cgroup_driver";  // "systemd", "cgroupfs"
inline constexpr std::string_view kDocker = "docker";
inline constexpr std::string_view kKubernetes = "kubernetes";
inline constexpr std::string_view kDevicePlugin = "device_plugin";
inline constexpr std::string_view kToolkit =
    "toolkit";  // NVIDIA container toolkit
inline constexpr std::string_view kOs = "os";
inline constexpr std::string_view kCrun = "crun";
inline constexpr std::string_view kContainerd = "containerd";
// Of the kubelet; "static" rewrites containers' device rules.
inline constexpr std::string_view kCpuManager = "cpu_manager";
inline constexpr std::string_view kKubeletCgroupDriver =
    "kubelet_cgroup_driver";
inline constexpr std::string_view kGpuOperator = "gpu_operator";  // version
// bool: DISABLE_DEV_CHAR_SYMLINK_CREATION is set.
inline constexpr std::string_view kDevCharLinksDisabled =
    "dev_char_links_disabled";
// /dev/char/MAJ:MIN of the NVIDIA nodes: "present", "missing", "wrong".
inline constexpr std::string_view kDevCharLinks = "dev_char_links";
// bool: this runc or systemd needs those links for a container's devices.
inline constexpr std::string_view kDevCharLinksNeeded = "dev_char_links_needed";
// The newest reload of systemd in this boot: "14:02:11".
inline constexpr std::string_view kReload = "systemd_reload";

// The kubelet and its device plugin, live. kubelet_admission: "waits" (a pod
// was to be admitted, and its loop did nothing since), "goes on".
inline constexpr std::string_view kKubeletAdmission = "kubelet_admission";
// integer: for how long the loop has done nothing
inline constexpr std::string_view kKubeletAdmissionSeconds =
    "kubelet_admission_seconds";
inline constexpr std::string_view kKubeletWaitingPod =
    "kubelet_waiting_pod";  // "namespace/name"
// By the kubelet's own port: "ok", "failed", "late", "not asked".
inline constexpr std::string_view kKubeletSyncloop = "kubelet_syncloop";
// integers, by the same: pods bound to the node that it has not begun with, and
// pods that it rejected for want of a device.
inline constexpr std::string_view kKubeletUnstartedPods =
    "kubelet_unstarted_pods";
inline constexpr std::string_view kKubeletRejectedPods =
    "kubelet_rejected_pods";
// Tasks of NVIDIA's device plugin: "running", "stopped" (by a signal), "stuck"
// (in state D in the driver), "absent".
inline constexpr std::string_view kDevicePluginTask = "device_plugin_task";
// Ids of devices that the kubelet has registered and NVML does not have, and of
// GPUs that NVML has and the kubelet holds for unhealthy or not there.
inline constexpr std::string_view kRegisteredGone = "registered_gone";
inline constexpr std::string_view kRegisteredLacking = "registered_lacking";
// Healthy devices of NVIDIA's resources by the kubelet's checkpoint, in words.
inline constexpr std::string_view kRegisteredDevices = "registered_devices";
// nvidia-cuda-mps-control where the driver's programs lie: "present", "absent";
// who wants it, in words; and the package that has it.
inline constexpr std::string_view kMpsControl = "mps_control";
inline constexpr std::string_view kMpsWanted = "mps_wanted";
inline constexpr std::string_view kMpsPackage = "mps_package";

// Containers; the subject is the container.
inline constexpr std::string_view kContainer = "container";  // in words
inline constexpr std::string_view kContainerRuntime =
    "container_runtime";  // "docker", "lxc", …
inline constexpr std::string_view kContainerNodes =
    "container_nodes";  // in words
inline constexpr std::string_view kContainerAccess =
    "container_access";  // "allowed", "denied", "unknown"
// Who denies: "systemd", "runtime", "both", "unknown".
inline constexpr std::string_view kContainerDeniedBy = "container_denied_by";
// "safe", "lost at reload", "lost at update", "unknown"
inline constexpr std::string_view kContainerTomorrow = "container_tomorrow";
// "devices", "legacy", "unknown"
inline constexpr std::string_view kContainerInjection = "container_injection";
// Its nodes in its /dev: "present", "missing".
inline constexpr std::string_view kContainerDev = "container_dev";
// The driver's library in it: "injected", "absent"; and its version.
inline constexpr std::string_view kContainerLibrary = "container_library";
inline constexpr std::string_view kContainerDriver = "container_driver";
inline constexpr std::string_view kContainerRootless =
    "container_rootless";  // bool
// bool: its environment asks for GPUs, and no record gives it any.
inline constexpr std::string_view kContainerAskedOnly = "container_asked_only";
// How access can come back: "live", "re-create".
inline constexpr std::string_view kContainerHeals = "container_heals";

}  // namespace gpuward::fact
