// The settings of the device plugin, as a table: NVIDIA's own, by their names
// there, and ours. The command line, --help, the environment and the
// configuration file are read by it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace gpuward::kubelet::plugin {

// Names of the flags, without their dashes; how a setting is known.
namespace setting {
inline constexpr std::string_view kMigStrategy = "mig-strategy";
inline constexpr std::string_view kFailOnInitError = "fail-on-init-error";
inline constexpr std::string_view kDriverRoot = "driver-root";
inline constexpr std::string_view kDevRoot = "dev-root";
inline constexpr std::string_view kGdrcopy = "gdrcopy-enabled";
inline constexpr std::string_view kGds = "gds-enabled";
inline constexpr std::string_view kMofed = "mofed-enabled";
inline constexpr std::string_view kDiscovery = "device-discovery-strategy";
inline constexpr std::string_view kMpsRoot = "mps-root";
inline constexpr std::string_view kPassDeviceSpecs = "pass-device-specs";
inline constexpr std::string_view kListStrategy = "device-list-strategy";
inline constexpr std::string_view kIdStrategy = "device-id-strategy";
inline constexpr std::string_view kCdiPrefix = "cdi-annotation-prefix";
inline constexpr std::string_view kCdiHook = "nvidia-cdi-hook-path";
inline constexpr std::string_view kDriverRootInside = "driver-root-ctr-path";
inline constexpr std::string_view kSharedPolicy =
    "shared-devices-allocation-policy";
inline constexpr std::string_view kImexChannels = "imex-channel-ids";
inline constexpr std::string_view kImexRequired = "imex-required";
inline constexpr std::string_view kKubeletSocket = "kubelet-socket";
inline constexpr std::string_view kConfigFile = "config-file";
inline constexpr std::string_view kCdiFeatures = "cdi-feature-flags";
inline constexpr std::string_view kCdiNoHooks = "cdi-disable-hooks";
inline constexpr std::string_view kNoHealthChecks = "dp-disable-healthchecks";
inline constexpr std::string_view kHealthChecks = "dp-enable-healthchecks";
// Ours.
inline constexpr std::string_view kHangTolerance = "hang-tolerance";
inline constexpr std::string_view kRecoveryTime = "recovery-time";
inline constexpr std::string_view kMigPolicy = "mig-allocation-policy";
inline constexpr std::string_view kAllowUnhealthy = "allow-unhealthy";
}  // namespace setting

struct SettingRow {
  enum class Kind { text, yes_no, list, time };
  std::string_view flag;
  std::string_view other_flags;  // older names, divided by commas
  std::string_view environment;  // names, divided by commas; the first counts
  std::string_view key;          // in the configuration file, empty: none
  Kind kind = Kind::text;
  std::string_view otherwise;  // where nobody says anything
  std::string_view help;
  bool is_flag = true;  // false: by the environment alone
};

std::span<const SettingRow> setting_rows();

// A row's names as a list: "driver-root", "nvidia-driver-root".
std::vector<std::string_view> flags_of(const SettingRow& row);
std::vector<std::string_view> environment_of(const SettingRow& row);

}  // namespace gpuward::kubelet::plugin
