// Stops the container of NVIDIA's device plugin by its runtime, for a kubelet
// that waits for it and so cannot stop it itself. Nothing else is ever stopped:
// the container's process must be the plugin's by its name.
//
// Arguments: {runtime, id, socket, pid, start_time, comm}. Nothing can be
// undone: the kubelet starts it anew.
#pragma once

#include "action/action.h"

namespace gpuward::action {

const Action& stop_container();

// The commands that stop it, the first that is installed counts. Pure.
std::vector<std::vector<std::string>> stop_commands(const Json& arguments);

}  // namespace gpuward::action
