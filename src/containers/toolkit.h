// NVIDIA's container toolkit in its legacy way: a hook, run by the runtime
// before the container starts, lets NVIDIA's library put nodes and device
// rules into it. The OCI specification then says nothing of them; what it gets
// follows from its environment and the toolkit's configuration.
//
// Facts: the toolkit's hook (cmd/nvidia-container-runtime-hook) and its
// library (libnvidia-container, src/nvc_mount.c: control node always, UVM for
// "compute", modeset for "display"; rules are "rw").
#pragma once

#include <string>
#include <vector>

#include "containers/host_nodes.h"
#include "containers/oci_spec.h"

namespace gpuward::containers {

struct ToolkitConfig {
  // The toolkit's own defaults, which hold where it has no file.
  bool accepts_environment = true;  // of unprivileged containers
  bool accepts_mounts = false;
  bool no_cgroups = false;
  bool ignores_imex_requests = false;
  std::string mode = "auto";
  std::string file;
};
// Error::malformed and the like where there is a file that cannot be used.
Result<ToolkitConfig> read_toolkit_config(const host::Root& root);

// Which GPUs a container asked the toolkit for.
struct VisibleDevices {
  enum class What {
    nothing,       // not set, empty or "void": the hook does nothing
    control_only,  // "none": the driver, but no GPU
    some,
    all,
  };
  What what = What::nothing;
  std::vector<std::string> names;  // for some
};
// By the environment alone, whoever may set it.
VisibleDevices visible_by_environment(const OciSpec& spec);
// As the hook decides, with the configuration's rules.
VisibleDevices visible_by_hook(const OciSpec& spec,
                               const ToolkitConfig& config);

bool has_nvidia_hook(const OciSpec& spec);

struct LegacyNodes {
  std::vector<HostNode> nodes;
  std::vector<std::string> unresolved;
};
// `may_guess`: a GPU's number is taken for its minor where no snapshot says
// which it has. On cgroup v2 the hook's own program stands beside systemd's, so
// that a wrong guess opens nothing; on v1 it would.
LegacyNodes nodes_of_hook(const OciSpec& spec, const ToolkitConfig& config,
                          const HostNodes& host, bool may_guess);

}  // namespace gpuward::containers
