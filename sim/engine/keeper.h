// The process that a node lives by: it plays the timeline, writes the kernel
// log and the uptime on, and ends the node when its owner goes away, however
// that happens. It is a child subreaper: whatever its command leaves behind
// becomes its child and is ended with the node.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sim/engine/scenario.h"

namespace gpuward::simulator {

struct KeeperOptions {
  std::string node;
  // Run in the node, its exit is the node's end. Empty: until told to stop.
  std::vector<std::string> command;
  // For a node that outlives its maker: a session of its own, no terminal.
  bool detached = false;
};

struct Keeper {
  pid_t pid = 0;
  // Our end of the line between us: closed when we die, which ends the node;
  // the command's wait status comes through it. Invalid where detached.
  Fd line;
};

// Forks it; the caller must have one thread. The node exists already.
Result<Keeper> start_keeper(const Scenario& scenario,
                            const KeeperOptions& options);

// The variables that a client of the node needs, with PATH and LD_LIBRARY_PATH
// as this process would hand them on.
std::vector<std::pair<std::string, std::string>> node_environment(
    const std::string& node);

}  // namespace gpuward::simulator
