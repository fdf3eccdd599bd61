// Law 1 of the design as a table: which files may be read by a process that
// must not hang. Sources: measured (design, section 2), and the driver's own
// source (open-gpu-kernel-modules 595: /proc/driver/nvidia takes the power
// lock).
#pragma once

#include <optional>
#include <string_view>

namespace gpuward::host {

// Why reading `path` (absolute and normal, as seen inside a root) could run
// driver code or wait for a stuck task; nothing if it is safe. It sees names
// only: Root asks it for the true name behind links as well.
std::optional<std::string_view> why_it_may_block(std::string_view path);

}  // namespace gpuward::host
