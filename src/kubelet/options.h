// What the command line of a kubelet role asked for. Filled in by parse.cpp.
#pragma once

#include <string>
#include <variant>

#include "kubelet/guard/settings.h"
#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet {

// --help is answered while parsing, wrong usage as well.
struct Done {
  int exit_code = 0;
};

// NVIDIA's flags as they were given; what they mean is read later, together
// with the environment and the configuration file.
struct DevicePluginOptions {
  std::string root;  // of the machine whose nodes are handed out
  std::string run_dir;
  std::string state_dir;
  plugin::GivenFlags flags;
};

using Options = std::variant<Done, guard::GuardSettings, DevicePluginOptions>;

// sysexits.h's EX_USAGE, as all of gpuward.
inline constexpr int kWrongUsage = 64;

Options parse(int argc, char** argv);

}  // namespace gpuward::kubelet
