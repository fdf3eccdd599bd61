// doctor --why, --why-not: which conditions of a fault held and which did not.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "diagnosis/state.h"
#include "diagnosis/why.h"

namespace gpuward::cli {

// A machine that was looked at, live or by its logs.
struct WhyMachine {
  std::string name;  // empty where there is only one
  const diagnosis::State& state;
  const std::vector<Gap>& gaps;
};

bool asks_why(const DoctorOptions& options);
// Fails, naming the nearest, where there is no fault of an id that was asked
// for: to be called before anything is read or waited for.
Result<void> check_asked(const DoctorOptions& options,
                         const diagnosis::Catalogue& catalogue);
// Prints the answers. The exit code: 0 as asked (--why: found, --why-not: not
// found), 1 the other way round, 3 could not tell.
int answer_why(const DoctorOptions& options,
               const diagnosis::Catalogue& catalogue,
               const std::vector<WhyMachine>& machines);

}  // namespace gpuward::cli
