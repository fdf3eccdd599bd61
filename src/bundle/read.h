// Reading a bundle back, wherever it came from: the archive may hold anything.
#pragma once

#include <string>

#include "bundle/seen.h"

namespace gpuward::bundle {

// From a bundle (packed or not), or from its evidence.json alone. Bounded in
// time, and in what it unpacks. Errors say what the file is not, or how far it
// is damaged.
Result<Seen> read_bundle(const std::string& path, Boot deadline);

// Whether this is a bundle of ours: its index stands among the first members.
// False for whatever cannot be read, and for what is no file: nothing is taken
// out of a pipe.
bool is_bundle(const std::string& path, Boot deadline);

}  // namespace gpuward::bundle
