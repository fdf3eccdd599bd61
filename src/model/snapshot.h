// Snapshot: all that is known of the node at one moment. The agent replaces
// /run/gpuward/snapshot.json with it; status, serve and device-plugin read it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/finding.h"
#include "model/gpu.h"
#include "model/stuck_task.h"

namespace gpuward {

// One prober process and the call that it is in.
struct Probe {
  enum class State {
    not_run,    // `why` says: no library, another user's, released, …
    answering,  // its last round came back whole
    slow,       // moving from call to call, the round not finished in time
    waiting,    // one call not back, its own deadline not passed yet
    stuck,      // one call past its deadline
    failed,     // the prober died or talked nonsense; `why` says
  };
  State state = State::not_run;
  std::string why;
  int slot = 1;  // 2: the one that leaves out a GPU
  std::string boot_id;
  int pid = 0;  // in the host's namespace, as far as we see it
  uint64_t start_time = 0;
  std::string symbol;         // the call that is not back, else empty
  int gpu = -1;               // its GPU's index, -1 for none
  std::optional<Wall> since;  // when that call began
  Millis deadline{0};         // of that call's class
  uint64_t calls = 0;         // returned so far
  Millis slowest{0};          // of the calls that returned
  std::string slowest_symbol;
  std::optional<StuckTask> task;  // where waiting or stuck
  std::string
      placement;  // "scope gpuward-prober-1.scope", "cgroup …", "none: …"
  std::vector<int> left_out;  // indices of GPUs that it does not ask

  bool operator==(const Probe&) const = default;
};

// An Xid of this boot, as the kernel's log has it. Of each code at each place
// (GPU, MIG instance) the newest.
struct XidEvent {
  std::string pci;  // as sysfs writes it: "0000:0f:00.0"
  int code = 0;
  Wall when{};
  // MIG instances, where the line names them.
  std::optional<int> gpu_instance, compute_instance;
  std::string text;  // what stands after the number

  bool operator==(const XidEvent&) const = default;
};

struct Snapshot {
  std::string boot_id;
  std::string hostname;
  Wall taken_at{};
  std::optional<double> uptime_seconds;  // nothing where not readable

  // By NVML or from the loaded module; each may be unknown.
  Reading driver_version;
  Reading cuda_version;  // "12.8"
  Reading nvml_version;
  Reading module_flavour;  // "open", "proprietary"
  Reading library_path;
  Reading gpu_count;  // as nvmlDeviceGetCount says
  // The return of nvmlInit by name; value "SUCCESS" when it came back well.
  Reading init;

  std::vector<Gpu> gpus;
  std::vector<Probe> probes;           // one or two
  std::vector<StuckTask> other_tasks;  // other tasks stuck in the driver
  std::vector<XidEvent> xids;          // oldest first
  // When the kernel's log says that the driver was loaded last, if it does:
  // Xids before that say nothing of the GPUs now.
  std::optional<Wall> driver_loaded_at;
  std::vector<Gap> gaps;
  Diagnosis diagnosis;

  bool operator==(const Snapshot&) const = default;
};

std::string_view name_of(Probe::State state);
std::string_view name_of(Reading::State state);

}  // namespace gpuward
