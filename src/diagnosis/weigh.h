// One fault weighed against the evidence, for each subject that it could be
// about. Used by conclude() and why().
#pragma once

#include "diagnosis/judge.h"

namespace gpuward::diagnosis {

struct Weighed {
  const Fault* fault = nullptr;
  Subject subject;
  Scene scene;
  const Rule* rule = nullptr;  // the first that holds, or nullptr
  Judged judged;               // of that rule
  // Where no rule holds: one could, if this were known.
  const Rule* open_rule = nullptr;
  std::vector<std::string> missing;
};

// Empty where the fault does not apply to this machine.
std::vector<Weighed> weigh(const Catalogue& catalogue, const Fault& fault,
                           const State& state, const std::vector<Gap>& gaps);

Finding finding_from(const Weighed& weighed, Wall now);

}  // namespace gpuward::diagnosis
