// nvidia-persistenced: running or not, and the flags that its unit gives it.
#pragma once

#include "evidence/source.h"

namespace gpuward {

// Facts persistenced and persistenced_flag.
Collected collect_persistence(const Host& host);

}  // namespace gpuward
