// One entry of the catalogue from its YAML.
#pragma once

#include "base/yaml.h"
#include "diagnosis/catalogue.h"

namespace gpuward::diagnosis {

// Mistakes go to `complaints`; what comes back is then not to be used.
Fault read_fault(const Yaml& root, const std::string& file, Examples examples,
                 Complaints& complaints, const Catalogue& catalogue);

// The `examples` of an entry; complains where a positive or a negative one is
// missing.
std::vector<Example> read_examples(const Yaml* list, int line,
                                   Complaints& complaints);

}  // namespace gpuward::diagnosis
