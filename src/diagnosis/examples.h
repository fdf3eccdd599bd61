// The catalogue's own examples, run as tests by ctest and `catalogue check`.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/catalogue.h"

namespace gpuward::diagnosis {

struct ExampleResult {
  enum class Kind { positive, negative, unknown };
  std::string fault;
  std::string example;
  Kind kind = Kind::negative;
  // What looks like this fault and must come out as another one.
  bool look_alike = false;
  bool right = false;
  std::string got;  // "certain", "nothing", "unknown", …; or the first finding
  // Faults and warnings that were found and that the example does not name:
  // neither as what it gives, nor as `first`, nor under `also`.
  std::vector<std::string> false_alarms;
  std::string file;
  int line = 0;
};

std::vector<ExampleResult> run_examples(const Catalogue& catalogue);

}  // namespace gpuward::diagnosis
