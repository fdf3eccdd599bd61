// What the device plugin is told to do. NVIDIA's device plugin's flags,
// environment and configuration file (version v1) are read as they are: its
// place can be taken without a change to them.
//
// A flag outranks the environment, that the file, that the default. What is not
// supported is refused with a sentence that says what to do, never ignored. Two
// things of that program are taken and have no effect: fail-on-init-error,
// since the driver is not started here, and settings of GPU feature discovery,
// which is a program of its own.
//
// Pure: files and environment are handed in.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kubelet/plugin/xid_filter.h"

namespace gpuward::kubelet::plugin {

enum class MigStrategy { none, single, mixed };

// Which of them, in any combination.
struct ListStrategies {
  bool envvar = false;
  bool volume_mounts = false;
  bool cdi_annotations = false;
  bool cdi_cri = false;

  bool any_cdi() const { return cdi_annotations || cdi_cri; }
  bool all_cdi() const { return any_cdi() && !envvar && !volume_mounts; }
  bool operator==(const ListStrategies&) const = default;
};

// One resource whose devices are offered several times.
struct SharedResource {
  std::string name;    // "nvidia.com/gpu"
  std::string rename;  // "nvidia.com/gpu.shared", or `name`
  int replicas = 2;
  bool operator==(const SharedResource&) const = default;
};

struct Sharing {
  enum class Kind { none, time_slicing, mps };
  Kind kind = Kind::none;
  // A request for two replicas or more is an error.
  bool one_at_a_time = false;
  std::vector<SharedResource> resources;
  bool operator==(const Sharing&) const = default;
};

struct Settings {
  MigStrategy mig_strategy = MigStrategy::none;
  std::string driver_root = "/";
  std::string dev_root = "/";
  std::string mps_root;
  bool pass_device_specs = false;
  ListStrategies list{.envvar = true};
  bool ids_by_index = false;  // else by UUID
  std::string cdi_annotation_prefix = "cdi.k8s.io/";
  std::string cdi_hook_path = "/usr/bin/nvidia-ctk";
  std::string driver_root_inside = "/driver-root";
  std::vector<std::string> cdi_feature_flags;
  std::vector<std::string> cdi_disabled_hooks;
  bool pack_replicas = false;  // else distributed
  std::string kubelet_socket;  // empty: refused
  Sharing sharing;
  XidFilter xids;
  Millis hang_tolerance = 30s;
  Millis recovery_time = 10s;
  bool pack_mig = true;  // else spread
  bool allow_unhealthy = false;
};

// What the command line gave, by a flag's first name (setting_rows.h), each
// time that it was given. A yes/no flag without a value is "true".
using GivenFlags = std::map<std::string, std::vector<std::string>, std::less<>>;
using Environment =
    std::function<std::optional<std::string>(std::string_view name)>;
struct ConfigText {
  std::string name;  // for messages
  std::string text;
};

// Where the configuration file is; empty: there is none.
std::string config_file_of(const GivenFlags& flags,
                           const Environment& environment);

struct LoadedSettings {
  Settings settings;
  std::vector<std::string> warnings;
};
// Fails with Error::malformed, or Error::unsupported where all that is wrong is
// what gpuward has not; every mistake a line, with the name of the flag or
// variable, or with file and line.
Result<LoadedSettings> load_settings(const GivenFlags& flags,
                                     const Environment& environment,
                                     const std::optional<ConfigText>& file);

}  // namespace gpuward::kubelet::plugin
