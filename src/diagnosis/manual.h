// Texts about faults: a manual, a list of faults, a page of advice. One that
// quotes the words of many faults, and has a time at none of them, is of no
// machine. (That a single line only speaks of a fault: diagnosis/prose.h.)
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/finding.h"

namespace gpuward::diagnosis {

// The files, of those that the findings rest on, that are such texts.
std::set<std::string> manuals_among(const std::vector<Finding>& findings);

// Whether nothing but such texts speaks for it.
bool rests_on(const std::set<std::string>& manuals, const Finding& finding);

}  // namespace gpuward::diagnosis
