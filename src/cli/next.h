// The one command that a reader of doctor's report had best run next.
#pragma once

#include <optional>
#include <string>

#include "model/finding.h"

namespace gpuward::cli {

// `is_live`: the report is about this machine, so that it can be repaired here.
// Nothing where all is well, or only remarks were found.
std::optional<std::string> next_command(const Diagnosis& diagnosis,
                                        bool is_live);

}  // namespace gpuward::cli
