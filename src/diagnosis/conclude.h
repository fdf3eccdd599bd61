// From what was folded to findings. Pure.
#pragma once

#include "diagnosis/catalogue.h"
#include "diagnosis/judge.h"
#include "diagnosis/state.h"
#include "model/finding.h"

namespace gpuward::diagnosis {

// `gaps`: the sources that failed, what rests on them stays unknown. `now`
// only bounds times: nothing is "since" the future.
Diagnosis conclude(const Catalogue& catalogue, const State& state,
                   const std::vector<Gap>& gaps, Wall now);

}  // namespace gpuward::diagnosis
