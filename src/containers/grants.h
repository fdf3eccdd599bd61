// From records of the host to the grants of a container: the place where law 9
// of the design is kept. A node is granted where a record of the host names it
// and, in a device cgroup, a rule of that record allows it.
#pragma once

#include "containers/cdi.h"
#include "containers/docker.h"
#include "containers/host_nodes.h"
#include "containers/kubernetes.h"
#include "containers/lxc.h"
#include "containers/oci_spec.h"
#include "containers/toolkit.h"
#include "model/container.h"

namespace gpuward::containers {

// Each adds to `grants` and `unresolved`; a node that is there stays as it is,
// so that the record that counts most comes first.

// `governed`: a device cgroup applies. It does not to containers of a user
// without root, for whom the host's own nodes are mounted.
void grant_by_spec(const OciSpec& spec, const std::string& file, bool governed,
                   const HostNodes& host, Container& container);
// What NVIDIA's hook adds, where the specification has it. `config` may be an
// error: then nobody knows.
void grant_by_hook(const OciSpec& spec, const Result<ToolkitConfig>& config,
                   bool governed, const HostNodes& host, Container& container);
// CDI devices that annotations ask for. Their nodes are in the specification
// where the runtime did as asked; an annotation alone grants nothing, since a
// pod's author may write it.
void note_missing_cdi(const OciSpec& spec, Container& container);

// Stands in for a specification that cannot be read.
void grant_by_docker(const DockerRecord& record, const Cdi& cdi,
                     const HostNodes& host, Container& container);
// The kubelet knows its containers by name, and without a specification nobody
// knows which of a pod's (pause, init containers, helpers) one is: said, and
// no grant.
void note_checkpoint(const PluginAnswer& answer, Container& container);

void grant_by_lxc(const LxcConfig& config, bool cgroup_v2,
                  const HostNodes& host, Container& container);

// The specification asks for NVIDIA devices by NVIDIA_VISIBLE_DEVICES.
bool asks_for_gpus(const OciSpec& spec);

}  // namespace gpuward::containers
