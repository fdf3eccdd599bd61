// The kubelet and its device plugin, as far as a repair needs to know them.
#pragma once

#include <vector>

#include "host/host.h"
#include "model/evidence.h"
#include "plan/plan_kubelet.h"

namespace gpuward {

// `evidence`: what was gathered, with the lines of the kubelet's log. Reads
// /proc and the runtimes' records besides.
KubeletPatient kubelet_patient(const Host& host,
                               const std::vector<Evidence>& evidence);

}  // namespace gpuward
