// Every running container of the machine, GPU or not: cgroups whose names say
// so, joined with the records of the runtimes.
#pragma once

#include <optional>
#include <vector>

#include "containers/cgroups.h"
#include "containers/runtime_state.h"

namespace gpuward::containers {

struct Candidate {
  std::string id;
  std::optional<NamedCgroup> named;
  std::optional<RuntimeRecord> record;
  // Its tasks, where it is known by its cgroup's name.
  std::vector<int> tasks;
  // It lies in the slice of a user, who may give a cgroup any name, and no
  // running state speaks of it: records found by the id are another's.
  bool only_claims_its_name = false;
  // Its first process, where it is known by its record alone.
  std::optional<RuntimeState> state;
};

// A record of a user's own is believed only about tasks in that user's slice,
// and never about a container that root's records know.
std::vector<Candidate> find_candidates(const host::Root& root,
                                       const TasksByCgroup& tasks,
                                       std::vector<Gap>& gaps);

struct FirstProcess {
  int pid = 0;
  uint64_t start_time = 0;
};
// By the runtime's state where that is right, else the oldest task. Error::gone
// where none is left.
Result<FirstProcess> first_process(const host::Root& root,
                                   const Candidate& candidate,
                                   const TasksByCgroup& tasks);

}  // namespace gpuward::containers
