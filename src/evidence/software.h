// Versions that can be read from file names, without running anything.
#pragma once

#include "evidence/source.h"

namespace gpuward {

Collected collect_software(const Host& host);

}  // namespace gpuward
