// The kubelet and its device plugin, as far as a repair needs to know them.
#pragma once

#include <vector>

#include "host/host.h"
#include "model/evidence.h"
#include "plan/plan_kubelet.h"

namespace gpuward::agent {

// `evidence`: what was gathered, with the lines of the kubelet's log. Reads
// /proc and the runtimes' records besides.
plan::KubeletPatient kubelet_patient(const host::Host& host,
                                     const std::vector<Evidence>& evidence);

}  // namespace gpuward::agent
