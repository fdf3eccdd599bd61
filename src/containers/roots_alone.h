// Whether a file says what root wrote, or what others may have made of it.
#pragma once

#include <string>
#include <string_view>

#include "host/root.h"

namespace gpuward::containers {

// The file's true name, links resolved, where neither it nor any folder above
// it can be changed or exchanged by others than root (or than us).
// Error::unsupported where it can, Error::not_found where it is not there.
Result<std::string> find_roots_alone(const host::Root& root,
                                     std::string_view path);

}  // namespace gpuward::containers
