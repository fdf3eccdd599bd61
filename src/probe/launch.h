// Starting a prober: this program again, with an internal verb.
//
// The child gets three descriptors and nothing else of its caller: no terminal,
// no pipe, no socket, no environment but what names a simulated node, no
// working directory, no session. So nobody's `$(gpuward doctor)` waits for a
// probe that is stuck.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/host.h"
#include "probe/slot.h"

namespace gpuward::probe {

// As the child sees them.
inline constexpr int kSocketFd = 3;
inline constexpr int kLockFd = 4;
inline constexpr int kProgressFd = 5;

// First argument of the internal verb; not shown in --help.
inline constexpr const char* kProberVerb = "__prober";

struct ProberSettings {
  std::string root = "/";   // of the machine that is diagnosed
  std::string driver_root;  // empty: look everywhere
  double factor = 1.0;      // of the deadlines
  uint32_t left_out = 0;    // bit per GPU index
  int slot = 1;
  int owner_pid = 0;
  uint64_t owner_start_time = 0;
  bool simulated = false;  // then no scope of the real systemd

  bool operator==(const ProberSettings&) const = default;
};

std::vector<std::string> to_arguments(const ProberSettings& settings);
Result<ProberSettings> from_arguments(
    const std::vector<std::string>& arguments);

struct Launched {
  int pid = 0;
  Fd process;  // pidfd
  Fd socket;   // non-blocking SOCK_SEQPACKET
  Fd progress;
};

// Takes the slot's lock over: it is the child's alone once this returns.
Result<Launched> launch(Slot slot, const ProberSettings& settings);

}  // namespace gpuward::probe
