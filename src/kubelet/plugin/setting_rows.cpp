#include "kubelet/plugin/setting_rows.h"

#include "base/text.h"

namespace gpuward::kubelet::plugin {
namespace {

using Kind = SettingRow::Kind;

// Order: as --help shows them. Defaults are NVIDIA's.
constexpr SettingRow kRows[] = {
    {setting::kMigStrategy, "", "MIG_STRATEGY", "flags.migStrategy", Kind::text,
     "none", "how MIG devices are offered: none, single or mixed"},
    {setting::kFailOnInitError, "", "FAIL_ON_INIT_ERROR",
     "flags.failOnInitError", Kind::yes_no, "true",
     "taken and without effect: a driver that does not start makes devices "
     "unhealthy, never this program end"},
    {setting::kDriverRoot, "nvidia-driver-root", "NVIDIA_DRIVER_ROOT",
     "flags.nvidiaDriverRoot", Kind::text, "/",
     "where the driver is installed on the host"},
    {setting::kDevRoot, "nvidia-dev-root", "NVIDIA_DEV_ROOT",
     "flags.nvidiaDevRoot", Kind::text, "",
     "where the device nodes are on the host (where the driver is)"},
    {setting::kGdrcopy, "", "GDRCOPY_ENABLED", "flags.gdrcopyEnabled",
     Kind::yes_no, "false", "not supported: only false"},
    {setting::kGds, "", "GDS_ENABLED", "flags.gdsEnabled", Kind::yes_no,
     "false", "not supported: only false"},
    {setting::kMofed, "", "MOFED_ENABLED", "flags.mofedEnabled", Kind::yes_no,
     "false", "not supported: only false"},
    {setting::kDiscovery, "", "DEVICE_DISCOVERY_STRATEGY",
     "flags.deviceDiscoveryStrategy", Kind::text, "auto",
     "auto or nvml; tegra is not supported"},
    {setting::kMpsRoot, "", "MPS_ROOT", "flags.mpsRoot", Kind::text, "",
     "where NVIDIA's MPS daemon has its pipes on the host; obligatory with "
     "sharing by MPS"},
    {setting::kPassDeviceSpecs, "", "PASS_DEVICE_SPECS",
     "flags.plugin.passDeviceSpecs", Kind::yes_no, "false",
     "hand the kubelet the device nodes as well"},
    {setting::kListStrategy, "", "DEVICE_LIST_STRATEGY",
     "flags.plugin.deviceListStrategy", Kind::list, "envvar",
     "how a container runtime is told which devices: envvar, volume-mounts, "
     "cdi-annotations, cdi-cri; several with commas"},
    {setting::kIdStrategy, "", "DEVICE_ID_STRATEGY",
     "flags.plugin.deviceIDStrategy", Kind::text, "uuid",
     "by what a container runtime is told them: uuid or index"},
    {setting::kCdiPrefix, "", "CDI_ANNOTATION_PREFIX",
     "flags.plugin.cdiAnnotationPrefix", Kind::text, "cdi.k8s.io/",
     "what CDI annotations begin with"},
    {setting::kCdiHook, "nvidia-ctk-path",
     "NVIDIA_CDI_HOOK_PATH,NVIDIA_CTK_PATH", "flags.plugin.nvidiaCTKPath",
     Kind::text, "/usr/bin/nvidia-ctk",
     "the program on the host that CDI specifications name as their hook"},
    {setting::kDriverRootInside, "container-driver-root",
     "DRIVER_ROOT_CTR_PATH,CONTAINER_DRIVER_ROOT",
     "flags.plugin.containerDriverRoot", Kind::text, "/driver-root",
     "where the driver's root is mounted in this container"},
    {setting::kSharedPolicy, "", "SHARED_DEVICES_ALLOCATION_POLICY",
     "flags.plugin.sharedDevicesAllocationPolicy", Kind::text, "distributed",
     "replicas on the least used GPU (distributed) or the most used (packed)"},
    {setting::kImexChannels, "", "IMEX_CHANNEL_IDS", "imex.channelIDs",
     Kind::list, "", "not supported: only empty"},
    {setting::kImexRequired, "", "IMEX_REQUIRED", "imex.required", Kind::yes_no,
     "false", "without effect: there are no IMEX channels"},
    {setting::kKubeletSocket, "", "KUBELET_SOCKET", "", Kind::text,
     "/var/lib/kubelet/device-plugins/kubelet.sock",
     "the kubelet's socket; an empty name is refused"},
    {setting::kConfigFile, "", "CONFIG_FILE", "", Kind::text, "",
     "a configuration file of NVIDIA's device plugin, version v1"},
    {setting::kCdiFeatures, "", "CDI_FEATURE_FLAGS", "", Kind::list, "",
     "feature flags for nvidia-ctk cdi generate"},
    {setting::kCdiNoHooks, "", "CDI_DISABLE_HOOKS", "", Kind::list, "",
     "hooks that CDI specifications are to leave out"},
    {setting::kNoHealthChecks, "", "DP_DISABLE_HEALTHCHECKS", "", Kind::text,
     "", "Xids that say nothing of a device's health; all: none of them does",
     false},
    {setting::kHealthChecks, "", "DP_ENABLE_HEALTHCHECKS", "", Kind::text, "",
     "Xids that count all the same; all: every one", false},
    {setting::kHangTolerance, "", "GPUWARD_HANG_TOLERANCE", "", Kind::time,
     "30s",
     "how long fresh probes may hang, or the agent be silent, before devices "
     "are unhealthy"},
    {setting::kRecoveryTime, "", "GPUWARD_RECOVERY_TIME", "", Kind::time, "10s",
     "for how long rounds must have answered before a device is healthy again"},
    {setting::kMigPolicy, "", "GPUWARD_MIG_ALLOCATION_POLICY", "", Kind::text,
     "packed",
     "MIG devices of one container on few GPUs (packed) or many "
     "(spread)"},
    {setting::kAllowUnhealthy, "", "GPUWARD_ALLOW_UNHEALTHY", "", Kind::yes_no,
     "false",
     "hand out devices that are known to be unhealthy, as NVIDIA's device "
     "plugin does"},
};

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }

std::vector<std::string_view> flags_of(const SettingRow& row) {
  std::vector<std::string_view> out;
  if (!row.is_flag) return out;
  out.push_back(row.flag);
  for (const std::string_view name : split(row.other_flags, ',')) {
    if (!name.empty()) out.push_back(name);
  }
  return out;
}

std::vector<std::string_view> environment_of(const SettingRow& row) {
  return split(row.environment, ',');
}

}  // namespace gpuward::kubelet::plugin
