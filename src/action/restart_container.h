// Restarts a container, where nothing milder helps and it was asked for: docker
// and podman, never a container of a pod. What ran in it ends.
//
// Arguments: model/container_arguments.h. Nothing can be undone.
#pragma once

#include "action/action.h"

namespace gpuward::action {

const Action& restart_container();

}  // namespace gpuward::action
