// A simulated node as a scenario file describes it: plain values, checked, with
// every default filled in. docs/scenarios.md is the page about the format.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sim/state.h"

namespace gpuward::simulator {

// Lines of the kernel log. Times count from the simulated boot.
struct LogLine {
  Millis at{0};
  int priority = 6;  // 0 emergency … 7 debug
  std::string text;
  Millis every{0};              // 0: once
  std::optional<Millis> until;  // of a repeated line; nothing: goes on for ever
};

// What happens at a moment after the node's start.
struct TimedEvent {
  enum class Kind { lose_gpu, restore_gpu, xid, set };
  Kind kind = Kind::set;
  Millis after{0};
  int gpu = -1;
  int xid = 0;
  std::string text;  // of an Xid's line; empty: the usual one
  std::vector<std::pair<std::string, std::string>> settings;  // field, value
};

// A task to be seen in the rendered /proc.
struct Task {
  int pid = 0;
  int parent = 1;
  std::string comm;
  char state = 'S';
  std::string wchan;
  std::string syscall;  // as in /proc/PID/syscall: "running" or numbers
  std::vector<std::string> stack;  // innermost first, without "[<0>] "
  std::vector<std::string> files;  // what its descriptors point at
  std::string cgroup;
  Millis age{0};
};

struct Persistenced {
  bool installed = false;
  bool running = false;
  int pid = 1312;
  std::vector<std::string> flags;
  // File name → text, under nvidia-persistenced.service.d.
  std::vector<std::pair<std::string, std::string>> drop_ins;
};

struct Scenario {
  std::string description;
  bool loaded = true;  // is the kernel module loaded?
  std::string driver;
  std::string library;
  bool open_module = true;
  int cuda_version = 0;  // 12080
  std::string kernel;
  std::string os;
  std::string hostname;
  Millis uptime{0};
  bool boot_log = true;
  std::vector<sim_gpu> gpus;
  std::vector<sim_fault> faults;  // `id` not given yet
  std::vector<TimedEvent> events;
  std::vector<LogLine> log;
  std::vector<Task> tasks;
  Persistenced persistenced;
  std::vector<std::pair<std::string, std::string>> files;  // path → text
};

// Every mistake is in the error's text, one a line: "file:line: …".
Result<Scenario> parse_scenario(std::string_view text, std::string_view file);

// A scenario that was compiled in, by name, or a file if `name` ends in .yaml.
Result<Scenario> load_scenario(const std::string& name);

struct ScenarioName {
  std::string name;
  std::string description;
};
std::vector<ScenarioName> scenario_names();

}  // namespace gpuward::simulator
