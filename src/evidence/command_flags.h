// Flags on command lines as they stand in units and environment files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuward::evidence {

// Every value of `--name=VALUE` or `--name VALUE` in a command line, in order.
// Quotes are dropped, variables are not followed.
std::vector<std::string> flag_values(std::string_view command,
                                     std::string_view name);

}  // namespace gpuward::evidence
