// The readings of a simulated GPU by name, so that a scenario file and
// `sim inject set` can give each of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/state.h"

namespace gpuward::simulator {

// Fails with Error::malformed, and a suggestion for an unknown name.
Result<void> set_field(sim_gpu& gpu, std::string_view name,
                       std::string_view value);

bool is_field(std::string_view name);
std::vector<std::string> field_names();

// Copies into a fixed array of the state; fails if it does not fit.
Result<void> copy_text(char* to, size_t size, std::string_view text,
                       std::string_view what);

}  // namespace gpuward::simulator
