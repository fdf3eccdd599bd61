// What NVIDIA's pods on this node print: the device plugin, its MPS daemon, the
// MIG manager. The kubelet keeps it in /var/log/pods; only the end of each
// container's newest file is read, which is of the process that runs now.
#pragma once

#include <string>
#include <string_view>

#include "evidence/source.h"

namespace gpuward::evidence {

// Lines with source "pod-log".
Collected collect_pod_logs(const host::Host& host);

// Pure. "gpu-operator_nvidia-mig-manager-n6wnt_UID" is one that is read.
bool is_pod_of_interest(std::string_view folder);
// Without what the runtime puts in front: "2025-… stderr F text" → "text".
std::string_view without_cri_head(std::string_view line);

}  // namespace gpuward::evidence
