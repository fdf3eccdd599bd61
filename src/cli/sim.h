// `gpuward sim`: the simulated node. docs/scenarios.md is the page for users.
//
//   sim list [--json]
//   sim run SCENARIO|FILE.yaml [--dir DIR] -- CMD…
//   sim start SCENARIO|FILE.yaml --dir DIR
//   sim stop --dir DIR
//   sim inject [--dir DIR] FAULT… | --clear ID|all | --list [--json]
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward::cli {

struct SimOptions {
  enum class Verb { list, run, start, stop, inject };
  Verb verb = Verb::list;
  bool json = false;     // list, inject --list
  std::string scenario;  // run, start: a name or a file
  std::string dir;       // empty: a new folder (run), $GPUWARD_SIM (others)
  std::vector<std::string> command;  // run
  std::vector<std::string> faults;   // inject
  std::vector<std::string> clear;    // inject --clear: ids, or "all"
  bool list_faults = false;          // inject --list
};

// Returns the exit code: 0, 64 for wrong usage or a bad scenario, 1 for what
// failed, and for `run` that of its command (127: not found, 128 + signal).
int sim(const SimOptions& options, std::ostream& out, std::ostream& err);
// On standard output and standard error.
int sim(const SimOptions& options);

// For --help of `sim inject`: the syntax of FAULT.
std::string_view sim_inject_help();

}  // namespace gpuward::cli
