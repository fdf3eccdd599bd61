// A container as the arguments of a step: enough to look at it again, in the
// ledger as well as in a plan. Pure.
#pragma once

#include "model/container.h"
#include "model/plan.h"

namespace gpuward {

// The actions that take them.
inline constexpr std::string_view kRestoreAccess = "restore-device-access";
inline constexpr std::string_view kRestartContainer = "restart-container";

// {label, id, name, runtime, pid, start_time, unit, cgroup, cgroup_folder,
// cgroup_v2, …, nodes: [{path, major, minor, access}]}
Json arguments_of(const Container& container);

// Error::malformed where something is missing, or access is not of "rwm".
Result<Container> container_of(const Json& arguments);

}  // namespace gpuward
