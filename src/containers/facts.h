// What is known of the containers, as facts about each. Pure.
#pragma once

#include <vector>

#include "model/container.h"

namespace gpuward::containers {

// Source "containers"; the keys container_… of model/facts.h.
std::vector<Evidence> facts_of(const Container& container);

}  // namespace gpuward::containers
