// What the command line of a kubelet role asked for. Filled in by parse.cpp.
#pragma once

#include <variant>

#include "kubelet/guard/settings.h"

namespace gpuward::kubelet {

// --help is answered while parsing, wrong usage as well.
struct Done {
  int exit_code = 0;
};

using Options = std::variant<Done, GuardSettings>;

// sysexits.h's EX_USAGE, as all of gpuward.
inline constexpr int kWrongUsage = 64;

Options parse(int argc, char** argv);

}  // namespace gpuward::kubelet
