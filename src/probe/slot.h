// A slot: the right to have one prober on this node (design, law 2).
//
// There are two, for ever: slot 1 is the prober, slot 2 the one that leaves out
// a GPU on which the first hangs. A slot is a file in the run directory. The
// prober holds an exclusive flock on it for as long as it lives, so the lock
// outlasts whoever started it, and is gone the moment the kernel lets the task
// go: nothing has to be cleaned up, no restart of anything forgets a stuck
// probe. The file's content is the progress record.
//
// A caller that may not write the run directory still takes the lock (flock
// needs no write access) and keeps its progress in a memfd.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "host/host.h"
#include "probe/progress.h"

namespace gpuward::probe {

inline constexpr int kSlots = 2;

// Held by the caller, to be handed to the prober (see launch.h).
struct Slot {
  int number = 1;
  Fd lock;              // the open file description that carries the flock
  Fd progress;          // where the record goes: the same file, or a memfd
  bool shared = false;  // others can read the record
};

// Who has a slot, as far as can be told without touching it.
struct Holder {
  // Nothing where the record cannot be read (another user's), is from an
  // earlier boot, or names a task that is not that one any more.
  std::optional<Progress> progress;
  bool owner_alive = false;
  std::string why_unknown;  // where `progress` is empty
};

// Error::busy if somebody has it; other errors say why there can be no prober
// (a run directory that cannot be made, …).
Result<Slot> take_slot(const host::Host& host, int number);

// Nothing when the slot is free.
std::optional<Holder> holder_of(const host::Host& host, int number);

// The folder that slots live in: the run directory, or where that cannot be
// made or used, a private one of this user.
Result<std::string> slot_dir(const host::Host& host);

}  // namespace gpuward::probe
