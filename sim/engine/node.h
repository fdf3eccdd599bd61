// A simulated node on disk: its folder, and what may be done to it while it
// lives. The keeper (keeper.h) is the process that keeps it alive.
//
//   state, lock   sim/state.h; the lock of those who change it
//   root/         the evidence tree ($GPUWARD_ROOT)
//   run/          a run directory of its own ($GPUWARD_RUN_DIR)
//   lib/          libnvidia-ml.so.1 → the simulator's library
//   disk.img, disk/   where a `hang: d` needs them
//   keeper.pid    of the process that keeps it
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sim/engine/faults.h"
#include "sim/engine/scenario.h"
#include "sim/engine/state_file.h"

namespace gpuward::simulator {

// The library built by sim/nvml: $GPUWARD_SIM_LIBRARY, or beside our program
// (../lib/sim, or ../lib/gpuward/sim where installed).
Result<std::string> find_library();

struct NodeOptions {
  std::string directory;  // empty: a new one below $TMPDIR or /tmp
  std::string library;
  // Where hang: d is not possible, take killable-d instead of failing.
  bool soften = true;
};

struct Node {
  std::string directory;
  std::vector<std::string> notes;  // what was softened, for standard error
};

// Makes the folder and all in it, or leaves nothing behind.
Result<Node> create_node(Scenario scenario, const NodeOptions& options);

// What an injection did, in words ("7: nvmlInit* hang=futex").
Result<std::string> inject(const std::string& node, const Injection& injection);

// Lifts the fault with that id, or all of them (0). Whoever hangs in it goes
// on.
Result<void> clear_fault(const std::string& node, uint32_t id);

// An event of the timeline; its kernel log lines carry the time of now.
Result<void> apply_event(const std::string& node, StateFile& state,
                         const TimedEvent& event);

// Freezes where a fault wants state D, thaws where none does any more; `pulse`:
// thaws for a moment, so that clients look again which fault holds them.
Result<void> reconcile_disk(const std::string& node, StateFile& state,
                            bool pulse);

// The end: hangs are lifted, the disk is thawed and unmounted, clients that are
// left are ended, the folder is removed. Idempotent; safe after a crash.
Result<void> end_node(const std::string& node);

// The simulated uptime.
Millis uptime_of(const std::string& node, const StateFile& state);

}  // namespace gpuward::simulator
