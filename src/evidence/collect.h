// All sources of table.cpp, one after the other.
#pragma once

#include <string_view>
#include <vector>

#include "evidence/source.h"

namespace gpuward::evidence {

struct SourceTime {
  std::string_view source;
  Millis took{0};
};

struct Collection {
  std::vector<Evidence> evidence;
  std::vector<Gap> gaps;
  std::vector<StuckTask> tasks;  // tasks that sit in the NVIDIA driver
  std::vector<SourceTime> times;
};

// Blocks for as long as the files take to read, usually some 10 ms; never on
// the driver.
Collection collect_all(const host::Host& host);

}  // namespace gpuward::evidence
