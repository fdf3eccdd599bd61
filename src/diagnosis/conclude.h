// From what was folded to findings. Pure.
#pragma once

#include "diagnosis/catalogue.h"
#include "diagnosis/judge.h"
#include "diagnosis/state.h"
#include "model/finding.h"

namespace gpuward {

// `gaps`: the sources that failed, what rests on them stays unknown. `now`
// only bounds times: nothing is "since" the future.
Diagnosis conclude(const Catalogue& catalogue, const State& state,
                   const std::vector<Gap>& gaps, Wall now);

// Why a fault was found, or why not: every rule with its conditions.
struct Why {
  std::string id;
  std::string title;
  Truth applies = Truth::yes;
  bool found = false;
  struct ForSubject {
    Subject subject;
    // In the order of the rules, with what each would conclude.
    std::vector<std::pair<Confidence, Judged>> rules;
  };
  std::vector<ForSubject> subjects;
  std::string explained_by;  // id of the finding that it is a consequence of
};
// Fails with not_found, and the nearest id, for an id that there is not.
Result<Why> why(const Catalogue& catalogue, const State& state,
                const std::vector<Gap>& gaps, std::string_view id);

}  // namespace gpuward
