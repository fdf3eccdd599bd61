// The process that writes the ledger: a child of ours that has nothing of ours
// but one socket, in a session of its own, and ends when we do. Whatever the
// disk does to it, it does not do to us.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace gpuward::ledger {

struct Keeper {
  Fd socket;      // ends the keeper when it is closed
  pid_t pid = 0;  // not our child: nobody has to wait for it
};

// Requests are frames (channel.h) with the member "do":
//   "open" folder, acting → {}
//   "append" operation, at, boot_id, kind, what → id
//   "unfinished" → one frame with "row" each, then {}
//   "entries" most → the same
//   "lock" owner → {} with the locked file, or "held_by" (0: not known)
// and are answered with "error" where they fail.
Result<Keeper> start_keeper(Boot deadline);

}  // namespace gpuward::ledger
