// config.json of a bundle: what the runtime was told to give a container
// (github.com/opencontainers/runtime-spec, config-linux.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "containers/device_rules.h"

namespace gpuward::containers {

struct OciSpec {
  struct Device {
    std::string path;  // in the container
    DeviceNumber number;
  };
  struct Mount {
    std::string source, destination;
  };
  std::vector<Device> devices;  // character devices alone
  std::vector<DeviceRule> rules;
  std::vector<Mount> mounts;
  std::vector<std::string> environment;  // "NAME=value"
  // File names of programs that run before the container's own does.
  std::vector<std::string> hooks;
  std::vector<std::pair<std::string, std::string>> annotations;
  std::string cgroups_path;
  bool user_namespace = false;
  bool may_administer = false;  // CAP_SYS_ADMIN
  // Entries that make no sense, in words; they are left out above.
  std::vector<std::string> complaints;

  // Nothing where there is none.
  const std::string* annotation(std::string_view key) const;
  // The last one counts, as for runc and NVIDIA's hook. Nothing where unset.
  std::optional<std::string> variable(std::string_view name) const;
};

// Error::malformed where it is no such file at all.
Result<OciSpec> parse_oci_spec(std::string_view text);

}  // namespace gpuward::containers
