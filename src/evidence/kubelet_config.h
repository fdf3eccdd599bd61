// The kubelet's configuration, as far as it decides about devices: its cgroup
// driver, and its CPU manager, whose static policy rewrites containers' cgroups
// every ten seconds.
#pragma once

#include <string>

#include "evidence/config_files.h"

namespace gpuward::evidence {

struct KubeletSetting {
  std::string value;  // empty: not set, or not to be read
  std::string file;   // that decides
  std::string key;    // "cgroupDriver", "--cgroup-driver"
  std::string why;    // there is no value
  bool operator==(const KubeletSetting&) const = default;
};

struct KubeletConfig {
  bool present = false;  // a kubelet's files, unit or program are here
  std::string sign;      // by which it was found
  KubeletSetting cgroup_driver;
  KubeletSetting cpu_manager;  // "none" where nothing says otherwise
};

// Flags win over the file, and drop-ins over the file that they amend.
KubeletConfig read_kubelet_config(const ConfigFiles& files);

}  // namespace gpuward::evidence
