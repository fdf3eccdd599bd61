// Where runtimes keep what they know of running containers: the state of runc
// and crun, the bundles of containerd, Podman and CRI-O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"
#include "model/evidence.h"

namespace gpuward::containers {

// One container by the names of files alone; nothing of it is read yet.
struct RuntimeRecord {
  std::string id;
  std::string runtime;      // by the place: "docker", "containerd", or empty
  std::string oci_runtime;  // "runc", "crun", empty without a state file
  std::string state_file;
  std::string spec_file;  // empty: beside the bundle that the state names
  // Whose: 0, or the user in whose run directory it lies, who may have written
  // anything into it.
  unsigned owner = 0;
};

// Folders that may not be listed are gaps, those that are not there are none.
std::vector<RuntimeRecord> list_runtime_records(const host::Root& root,
                                                std::vector<Gap>& gaps);

struct RuntimeState {
  int pid = 0;
  uint64_t start_time = 0;
  std::string bundle;
  std::string root_folder;  // of the container; empty where it is not said
};
// state.json of runc, status of crun.
Result<RuntimeState> parse_runc_state(std::string_view text);
Result<RuntimeState> parse_crun_status(std::string_view text);
// Error::gone where its first process has ended, or the pid is another's by
// now: such folders stay behind after a crash.
Result<RuntimeState> read_running_state(const host::Root& root,
                                        const RuntimeRecord& record);

// One of the record's files. A user's may be anything: users_files.h.
Result<std::string> read_record(const host::Root& root,
                                const RuntimeRecord& record,
                                const std::string& path, size_t limit);
// config.json, wherever it is for such a container. Error::not_found where it
// is nowhere, Error::unsupported where others than root may write it: they may
// have changed it since the runtime read it.
Result<std::string> find_spec_file(const host::Root& root,
                                   const RuntimeRecord& record);

}  // namespace gpuward::containers
