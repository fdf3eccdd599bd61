// StuckTask: a task that sits in the driver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gpuward {

// A task that sits in the driver, or the probe itself, as /proc shows it.
struct StuckTask {
  int pid = 0;
  int tid = 0;
  uint64_t start_time = 0;  // clock ticks since boot, /proc/PID/stat field 22
  std::string comm;
  char state = '?';  // R, S, D, … as in /proc/PID/stat
  // "kernel", "user" or "" where it cannot be told (state R, too short a look).
  std::string where;
  std::string wchan;
  std::string syscall;             // "openat", "futex", or "" if not readable
  std::vector<std::string> stack;  // innermost first; empty if not readable
  bool in_driver = false;  // a frame or wait channel of the NVIDIA modules

  bool operator==(const StuckTask&) const = default;
};

}  // namespace gpuward
