// nvidia-persistenced: running or not, and the flags that its unit gives it.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

// Facts persistenced and persistenced_flag.
Collected collect_persistence(const host::Host& host);

}  // namespace gpuward::evidence
