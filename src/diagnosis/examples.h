// The catalogue's own examples, run as tests by ctest and `catalogue check`.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/catalogue.h"

namespace gpuward {

struct ExampleResult {
  std::string fault;
  std::string example;
  bool positive = false;
  bool right = false;
  std::string got;  // "certain", "nothing", "unknown", …; or the first finding
};

std::vector<ExampleResult> run_examples(const Catalogue& catalogue);

}  // namespace gpuward
