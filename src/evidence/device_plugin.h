// The processes of NVIDIA's device plugin, as /proc shows them. A Go program
// sleeps in futex whatever it does, so that state S proves nothing: what tells
// is a thread in state D in the driver, or a process that a signal stopped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "evidence/source.h"

namespace gpuward::evidence {

struct PluginProcess {
  enum class State { running, stopped, stuck };
  int pid = 0;
  uint64_t start_time = 0;
  std::string comm;
  State state = State::running;
  std::string where;  // of a stuck thread, in words
  Millis age{0};
  std::string cgroup;  // the longest path of /proc/PID/cgroup

  bool operator==(const PluginProcess&) const = default;
};

// A thread counts as stuck when it is in state D in the driver and has not
// moved 20 ms later. Error where /proc cannot be listed.
Result<std::vector<PluginProcess>> find_device_plugins(const host::Root& root);

// The service in whose cgroup a task lies: "kubelet.service"; empty for none.
std::string unit_of_task(const host::Root& root, int pid);
// The first task of that name; 0 where there is none.
int find_task_named(const host::Root& root, std::string_view comm);

// "device plugin nvidia-device-p (pid 31207, up 39 min): …"
std::string in_words(const PluginProcess& plugin);

// Fact device_plugin_task: the worst of them; "absent" only where a kubelet
// has a folder.
Collected collect_device_plugin(const host::Host& host);

}  // namespace gpuward::evidence
