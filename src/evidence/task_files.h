// The files of one task (thread) under /proc, and what they say.
#pragma once

#include "host/root.h"
#include "host/task.h"
#include "model/snapshot.h"

namespace gpuward::evidence {

// /proc/PID/task/TID
struct TaskFolder {
  int pid = 0;
  int tid = 0;
};

std::vector<int> threads_of(const host::Root& root, int pid);
Result<host::TaskStat> stat_of(const host::Root& root,
                               const TaskFolder& folder);
// Its counts of context switches, as text; empty if not readable.
std::string switches_of(const host::Root& root, const TaskFolder& folder);
// All but the state R's `where`.
StuckTask describe(const host::Root& root, const TaskFolder& folder,
                   const host::TaskStat& stat);

}  // namespace gpuward::evidence
