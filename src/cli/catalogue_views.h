// How `catalogue list` shows the faults: for a screen, as JSON, as the page
// docs/faults.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "diagnosis/catalogue.h"
#include "diagnosis/reach.h"

namespace gpuward::cli {

// Where it can be found, by what is read live and found in text.
diagnosis::Reach reach_of(const diagnosis::Catalogue& catalogue,
                          const diagnosis::Fault& fault);

// Aligned, at most 100 columns wide.
std::string table_of(const diagnosis::Catalogue& catalogue);
Json list_json(const diagnosis::Catalogue& catalogue);
std::string page_of(const diagnosis::Catalogue& catalogue);

// "62, 69, 109"
std::string numbers(const std::vector<int>& xids);

}  // namespace gpuward::cli
