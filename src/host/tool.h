// Running somebody else's program, with a deadline and bounded output: a
// runtime that says its version, a container that is restarted. Never a
// program that loads NVML or opens a device: those are the prober's errands.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::host {

struct ToolResult {
  int exit_code = 0;   // 128 + N where signal N ended it
  std::string output;  // at most 64 KiB
  std::string complaints;
};

// Looks the name up in /usr/local/{sbin,bin}, /usr/{sbin,bin}, never in $PATH;
// LC_ALL=C, HOME=/ (nobody's settings), no standard input, a process group of
// its own that is killed at the deadline, and never waited for longer than
// that (Error::timeout; 20 ms more, for the kernel to end it). Of what is left
// running by a program that has ended nothing is waited for, nothing killed.
// Error::not_found where there is no such program, Error::denied for one that
// others than root may change. An error is never the program's: that is an
// exit code.
Result<ToolResult> run_tool(const std::vector<std::string>& command,
                            Millis deadline);

}  // namespace gpuward::host
