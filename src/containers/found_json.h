// FoundContainers on their way from the child that looked (aside.h): every
// field that find.h promises, there and back.
#pragma once

#include "base/json.h"
#include "containers/find.h"

namespace gpuward::containers {

Json to_json(const FoundContainers& found);
FoundContainers found_containers_of(const Json& json);

}  // namespace gpuward::containers
