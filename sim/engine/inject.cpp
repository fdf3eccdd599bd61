// What may be done to a node that lives, and its end.
#include <errno.h>
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "base/text.h"
#include "sim/engine/fields.h"
#include "sim/engine/frozen_disk.h"
#include "sim/engine/kernel_log.h"
#include "sim/engine/node.h"
#include "sim/engine/process.h"
#include "sim/engine/tree.h"

namespace gpuward::simulator {
namespace {

constexpr uint64_t kXidEvent = 0x8;  // nvmlEventTypeXidCriticalError

// How long a thawed disk stays open for clients to look at the state again.
constexpr useconds_t kPulseMicros = 60'000;

bool wants_freezing(const sim_state& state, int64_t elapsed) {
  for (const sim_fault& fault : state.faults) {
    if (fault.used == 0 || fault.action != SIM_HANG_D_HARD) continue;
    if (fault.to_ms < 0 || elapsed < fault.to_ms) return true;
  }
  return false;
}

void push_event(sim_state& state, int gpu, int xid) {
  const uint64_t sequence = state.last_event + 1;
  sim_event& slot = state.events[sequence % SIM_MAX_EVENTS];
  slot = {.sequence = 0,
          .gpu = gpu,
          .gpu_instance = 0xFFFFFFFF,
          .compute_instance = 0xFFFFFFFF,
          .type = kXidEvent,
          .data = static_cast<uint64_t>(xid)};
  __atomic_store_n(&slot.sequence, sequence, __ATOMIC_RELEASE);
  __atomic_store_n(&state.last_event, sequence, __ATOMIC_RELEASE);
}

std::string event_in_words(const TimedEvent& event) {
  switch (event.kind) {
    case TimedEvent::Kind::lose_gpu:
      return fmt::format("lost GPU {}", event.gpu);
    case TimedEvent::Kind::restore_gpu:
      return fmt::format("restored GPU {}", event.gpu);
    case TimedEvent::Kind::xid:
      return fmt::format("Xid {} on GPU {}", event.xid, event.gpu);
    case TimedEvent::Kind::set:
      return fmt::format("set GPU {}", event.gpu);
  }
  return {};
}

Result<uint32_t> inject_fault(const std::string& node, StateFile& file,
                              const sim_fault& fault) {
  uint32_t id = 0;
  std::string gate;
  const bool hard = fault.action == SIM_HANG_D_HARD;
  TRY_VOID(file.change([&](sim_state& state) -> Result<void> {
    if (hard) {
      gate = TRY(mount_disk(node));
      TRY_VOID(
          copy_text(state.frozen_file, sizeof state.frozen_file, gate, "disk"));
      // Frozen before the first client may come.
      TRY_VOID(freeze_disk(node));
      state.frozen = 1;
    }
    id = TRY(add_fault(state, fault));
    return {};
  }));
  return id;
}

}  // namespace

Millis uptime_of(const std::string& node, const StateFile& state) {
  std::ifstream file(node + "/uptime");
  int64_t at_start = 0;
  file >> at_start;
  return Millis(at_start + state.elapsed());
}

Result<void> reconcile_disk(const std::string& node, StateFile& file,
                            bool pulse) {
  if (!disk_is_mounted(node)) return {};
  return file.change([&](sim_state& state) -> Result<void> {
    const bool wanted = wants_freezing(state, file.elapsed());
    if (state.frozen != 0 && (pulse || !wanted)) {
      // `frozen` stays up during a pulse: who is still held writes again.
      TRY_VOID(thaw_disk(node));
      if (wanted) {
        ::usleep(kPulseMicros);
        TRY_VOID(freeze_disk(node));
      }
    } else if (wanted && state.frozen == 0) {
      TRY_VOID(freeze_disk(node));
    }
    state.frozen = wanted ? 1 : 0;
    return {};
  });
}

Result<void> apply_event(const std::string& node, StateFile& file,
                         const TimedEvent& event) {
  const Millis now = uptime_of(node, file);
  return file.change([&](sim_state& state) -> Result<void> {
    if (event.gpu < 0 || static_cast<uint32_t>(event.gpu) >= state.gpu_count) {
      return fail(Error::Kind::malformed,
                  fmt::format("there is no GPU {}: the node has {}", event.gpu,
                              state.gpu_count));
    }
    sim_gpu& gpu = state.gpus[event.gpu];
    switch (event.kind) {
      case TimedEvent::Kind::lose_gpu:
        gpu.lost = 1;
        break;
      case TimedEvent::Kind::restore_gpu:
        gpu.lost = 0;
        break;
      case TimedEvent::Kind::set:
        for (const auto& [name, value] : event.settings) {
          TRY_VOID(set_field(gpu, name, value));
        }
        break;
      case TimedEvent::Kind::xid: {
        auto lines = xid_lines(event.xid, gpu, event.text);
        for (LogLine& line : lines) line.at = now;
        TRY_VOID(append_kernel_lines(node, lines));
        push_event(state, event.gpu, event.xid);
        break;
      }
    }
    return {};
  });
}

Result<std::string> inject(const std::string& node,
                           const Injection& injection) {
  StateFile file = TRY(StateFile::open(node));
  if (injection.kind == Injection::Kind::event) {
    TRY_VOID(apply_event(node, file, injection.event));
    return event_in_words(injection.event);
  }
  sim_fault fault = injection.fault;
  fault.id = TRY(inject_fault(node, file, fault));
  return describe(fault);
}

Result<void> clear_fault(const std::string& node, uint32_t id) {
  StateFile file = TRY(StateFile::open(node));
  bool found = id == 0;
  bool hard = false;
  TRY_VOID(file.change([&](sim_state& state) -> Result<void> {
    for (sim_fault& fault : state.faults) {
      if (fault.used == 0 || (id != 0 && fault.id != id)) continue;
      found = true;
      hard = hard || fault.action == SIM_HANG_D_HARD;
      __atomic_store_n(&fault.used, 0u, __ATOMIC_RELEASE);
    }
    return {};
  }));
  if (!found) {
    return fail(Error::Kind::not_found,
                fmt::format("there is no fault {}", id));
  }
  return hard ? reconcile_disk(node, file, true) : Result<void>{};
}

Result<void> end_node(const std::string& node) {
  auto file = StateFile::open(node);
  if (file) {
    TRY_VOID(file->change([&](sim_state& state) -> Result<void> {
      state.stopped = 1;
      state.frozen = 0;
      for (sim_fault& fault : state.faults) fault.used = 0;
      return {};
    }));
    // Only a thawed client can be looked at, and ended.
    if (disk_is_mounted(node)) TRY_VOID(thaw_disk(node));
    end_processes(processes_that_map(node + "/state"), 1s, 5s);
  }
  TRY_VOID(unmount_disk(node));
  if (!remove_tree(node)) {
    return fail(Error::Kind::system, "removing " + node + " failed in part");
  }
  return {};
}

}  // namespace gpuward::simulator
