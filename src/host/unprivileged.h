// Running a program of ours that must have no rights, because it speaks to the
// network: nobody's user and group, no capabilities, no new ones, nothing open
// but its three pipes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::host {

struct UnprivilegedRun {
  // Of a program in the folder of this one, or in ../libexec/gpuward.
  std::string name;
  std::vector<std::string> arguments;
  std::string input;  // at most 16 KiB, by its standard input
  Millis deadline{0};
};

// What it printed, at most 1 MiB. It is killed at the deadline (Error::timeout)
// and never waited for longer. Any other end than exit code 0 is an error with
// its own words; Error::not_found where there is no such program.
Result<std::string> run_unprivileged(const UnprivilegedRun& run);

}  // namespace gpuward::host
