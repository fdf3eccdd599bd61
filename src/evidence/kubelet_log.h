// The kubelet's log of this boot: from the journal, or /var/log/kubelet.log.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

// Lines with source "kubelet-log", oldest first; nothing on a machine without
// a kubelet. Facts kubelet_admission… where they tell of its admission loop.
Collected collect_kubelet_log(const host::Host& host);

}  // namespace gpuward::evidence
