// LXC's configuration of a container, plain or as LXD and Incus render it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "containers/device_rules.h"
#include "host/root.h"

namespace gpuward::containers {

struct LxcConfig {
  std::vector<DeviceRule> rules_v1, rules_v2;
  struct Mount {
    std::string source, destination;  // both with a leading slash
  };
  std::vector<Mount> mounts;
  bool user_namespace = false;
  bool includes_others = false;  // files that are not read here
  std::string file;
};

// Error::not_found where no folder of LXC, LXD or Incus has it.
Result<LxcConfig> read_lxc_config(const host::Root& root,
                                  const std::string& name);
LxcConfig parse_lxc_config(std::string_view text);

}  // namespace gpuward::containers
