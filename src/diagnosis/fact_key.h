// Whether what an entry of the catalogue calls a fact is one.
#pragma once

#include "base/yaml.h"

namespace gpuward::diagnosis {

// Complains, with the nearest key, where model/facts.h has none called `key`.
void check_fact_key(std::string_view key, int line, Complaints& complaints);

}  // namespace gpuward::diagnosis
