// Whether anything may be changed here at all.
#pragma once

#include <optional>
#include <string>

#include "host/host.h"

namespace gpuward::action {

// Why not: the evidence is that of another machine, we are not root. Nothing
// where it may.
std::optional<std::string> why_not_to_act(const host::Host& host);

}  // namespace gpuward::action
