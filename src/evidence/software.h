// Versions that can be read from file names, without running anything.
#pragma once

#include <string>

#include "evidence/source.h"

namespace gpuward {

Collected collect_software(const Host& host);

// "252"; empty where it cannot be told.
std::string systemd_version(const Root& root);

}  // namespace gpuward
