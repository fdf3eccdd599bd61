// A container as JSON: `gpuward containers --json`, and the bundle, which reads
// it back.
#pragma once

#include "base/json.h"
#include "model/container.h"

namespace gpuward::containers {

// Every grant is a node of it; one that was not looked at is unknown.
Json to_json(const Container& container);
// All but `start_time` and `cgroup_folder`, which mean something on that
// machine alone; each node is a grant. Error::malformed, with the place, on
// what is not of the shape; members that nobody knows are passed over.
Result<Container> container_from_json(const Json& json);

}  // namespace gpuward::containers
