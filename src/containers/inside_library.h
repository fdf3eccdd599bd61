// Which libnvidia-ml a container sees. Runs in the child of inside.cpp: it
// allocates nothing.
#pragma once

#include <array>

#include "containers/inside_child.h"

namespace gpuward::containers::inside {

// `root` is an O_PATH descriptor of the container's root.
Library find_library(int root, const char* mountinfo,
                     std::array<char, 32>& version);

// A directory or node below `root`, links resolved in it and no magic ones.
int open_in(int root, const char* path, int flags);

}  // namespace gpuward::containers::inside
