// Resolving a path inside a directory without openat2(RESOLVE_IN_ROOT): for
// kernels before 5.6, and seccomp profiles that forbid the call.
#pragma once

#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace gpuward::host {

// Opens `path` (absolute) as if `root` were "/", with `flags` and O_CLOEXEC;
// the links on the way and, without O_NOFOLLOW, at its end stay inside. The
// magic links of procfs (/proc/PID/{root,cwd,exe,fd/N}) are refused with ELOOP,
// as openat2 does. Unlike openat2 it can be raced by whoever renames
// directories of the tree meanwhile; it then still opens nothing above `root`.
Result<Fd> walk_in_root(int root, std::string_view path, int flags);

// "/a/./b//../c" → "/a/c"; links are not looked at.
std::string normal_path(std::string_view path);

}  // namespace gpuward::host
