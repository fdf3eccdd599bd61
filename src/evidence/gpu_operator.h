// The GPU Operator on this node, by the OCI bundles of its running containers.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

// Facts gpu_operator (the tag of its images) and dev_char_links_disabled
// (DISABLE_DEV_CHAR_SYMLINK_CREATION in a container's environment). Neither,
// where no such container runs: its validator ends once it has validated.
Collected collect_gpu_operator(const host::Host& host);

}  // namespace gpuward::evidence
