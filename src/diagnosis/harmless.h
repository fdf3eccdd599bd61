// Lines that look like trouble, or like nothing, and tell of no fault: normal
// start-up, notices of the driver, frames of a stack. knowledge/harmless.tsv.
#pragma once

#include <optional>
#include <string_view>

namespace gpuward::diagnosis {

// What such a line says, in a sentence.
std::optional<std::string_view> find_harmless(std::string_view line);

}  // namespace gpuward::diagnosis
