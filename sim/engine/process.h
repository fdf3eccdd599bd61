// Programs and processes around a node: running a tool, seeing who descends
// from us, ending what is left. Reads /proc/PID/stat alone, which never blocks,
// but for maps_file().
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::simulator {

// In $PATH, then in the system's usual places.
std::optional<std::string> find_program(const std::string& name);

// Runs to its end with its output kept; fails with that output on exit ≠ 0.
Result<void> run_program(const std::vector<std::string>& words);

// Does it run? A zombie does not, whoever has still to reap it.
bool is_alive(pid_t pid);

// All processes whose chain of parents leads to `root`, without it.
std::vector<pid_t> descendants(pid_t root);

// Does the process map that file (device and inode)? Only asked once every hang
// has ended: it waits for the memory lock of a task in state D.
bool maps_file(pid_t pid, const std::string& path);
std::vector<pid_t> processes_that_map(const std::string& path);

// SIGTERM, SIGKILL after `grace`, until all are gone or `patience` is over.
// Zombies that are our children are reaped. False where some are left.
bool end_processes(const std::vector<pid_t>& pids, Millis grace,
                   Millis patience);

// Ends the descendants of this process, those too that they leave behind
// (this process must be a child subreaper).
bool end_descendants(Millis grace, Millis patience);

}  // namespace gpuward::simulator
