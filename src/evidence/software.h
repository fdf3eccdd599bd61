// Versions that can be read from file names, without running anything.
#pragma once

#include <string>

#include "evidence/source.h"

namespace gpuward::evidence {

Collected collect_software(const host::Host& host);

// "252"; empty where it cannot be told.
std::string systemd_version(const host::Root& root);

}  // namespace gpuward::evidence
