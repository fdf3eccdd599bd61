// What would be done about a kubelet that waits for its device plugin. Pure:
// what is known of the two in, steps and refusals out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/plan.h"

namespace gpuward::plan {

// The actions that are planned.
inline constexpr std::string_view kStopContainer = "stop-container";
inline constexpr std::string_view kRestartKubelet = "restart-kubelet";

struct KubeletPatient {
  struct Plugin {
    enum class State { running, stopped, stuck };
    int pid = 0;
    uint64_t start_time = 0;
    std::string comm;
    State state = State::running;
    std::string where;  // of a stuck thread, in words
    // Its container; `why_not` where none is known.
    std::string runtime, id, socket, why_not;
    std::string pod, pod_namespace, name;
  };
  std::vector<Plugin> plugins;
  // "namespace/name" of pods that wait in admission, where the log names them.
  std::vector<std::string> waiting;
  // The process; 0 where none was found.
  int kubelet_pid = 0;
  uint64_t kubelet_start_time = 0;
  std::string unit;  // "kubelet.service", "k3s-agent.service"; may be empty
};

struct KubeletRepair {
  Plan plan;
  std::vector<std::string> warnings;  // to be read before
  std::vector<std::string> then;      // what a person does
};

// Stops the plugin's container by its runtime, then restarts the kubelet where
// no admission completes. A plugin in state D is left: then nothing is done.
KubeletRepair plan_kubelet(const KubeletPatient& patient);

// The pods of `waiting`, from the arguments of a step restart-kubelet.
std::vector<std::string> waiting_pods(const Json& arguments);

}  // namespace gpuward::plan
