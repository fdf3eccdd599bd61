// The state of a node as the engine sees it: mapped, and changed only under a
// lock. Any process with the rights may open it; each change bumps the
// generation and wakes whoever waits on it.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "sim/state.h"

namespace gpuward::simulator {

class StateFile {
 public:
  // Makes NODE/state and NODE/lock; every byte zero but the header.
  static Result<StateFile> create(const std::string& node);
  // Fails with not_found where there is no node, malformed where the file is
  // not one of this version.
  static Result<StateFile> open(const std::string& node);

  ~StateFile();
  StateFile(StateFile&& other) noexcept;
  StateFile& operator=(StateFile&&) = delete;

  const sim_state& get() const { return *state_; }

  // Runs `change` under the lock. What it returns is handed on.
  Result<void> change(const std::function<Result<void>(sim_state&)>& change);

  // Milliseconds since the node's start.
  int64_t elapsed() const;

 private:
  StateFile(Fd lock, sim_state* state)
      : lock_(std::move(lock)), state_(state) {}
  static Result<StateFile> map(const std::string& node, int flags);

  Fd lock_;
  sim_state* state_;
};

// Puts the fault into a free row and gives it an id.
Result<uint32_t> add_fault(sim_state& state, const sim_fault& fault);

// CLOCK_BOOTTIME in milliseconds.
int64_t boot_millis();

}  // namespace gpuward::simulator
