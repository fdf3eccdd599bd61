// The version that a kernel module on disk says of itself.
#pragma once

#include "base/result.h"

namespace gpuward::evidence {

// From the section .modinfo of an uncompressed 64-bit module, little endian;
// reads some kilobytes, whatever the size of the file. Error::malformed where
// there is none.
Result<std::string> module_version(int fd);

}  // namespace gpuward::evidence
