// Whether Secure Boot is on: only then does the kernel refuse a module for its
// signature by default.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

// Fact secure_boot.
Collected collect_secure_boot(const host::Host& host);

}  // namespace gpuward::evidence
