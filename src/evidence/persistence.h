// nvidia-persistenced: running or not, and the flags that its unit gives it.
#pragma once

#include "evidence/source.h"

namespace gpuward {

// Facts persistenced and persistenced_flag.
Collected collect_persistence(const Host& host);

// The command lines that systemd would run: ExecStart= of the unit and its
// drop-ins, in the order in which they count; an empty one forgets those
// before it. Lines continued by a backslash are joined.
std::vector<std::string> exec_starts(const std::vector<std::string>& files);

}  // namespace gpuward
