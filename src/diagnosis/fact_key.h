// Whether what an entry of the catalogue calls a fact is one.
#pragma once

#include "base/yaml.h"

namespace gpuward::diagnosis {

// Complains, with the nearest key, where model/facts.def has none called `key`.
void check_fact_key(std::string_view key, int line, Complaints& complaints);
// Complains where a fact of that key can never have this value, or is no number
// though a condition compares it with one.
void check_fact_value(std::string_view key, const std::string& value, int line,
                      Complaints& complaints);
void check_fact_is_number(std::string_view key, int line,
                          Complaints& complaints);

}  // namespace gpuward::diagnosis
