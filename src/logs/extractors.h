// The table of extractors.
#pragma once

#include <span>
#include <string_view>

#include "matching/pattern_set.h"

namespace gpuward::logs {

// How much a statement counts against another of the same fact. Of two of the
// same weight the first one counts: reports tell the trouble before the cure.
inline constexpr int kProse = 1;   // somebody wrote so
inline constexpr int kOutput = 3;  // a tool printed it
inline constexpr int kKernel = 4;  // the driver said so; the last one counts

struct ExtractorRow {
  std::string_view key;  // of a fact, or "mig-…" for the layout's own lines
  const char* pattern;   // the group `v` is the value
  int weight;
  std::string_view value;  // instead of the group, where not empty
  // The gate's literals, "|" between them; empty: from the pattern.
  std::string_view literals;
};

std::span<const ExtractorRow> extractor_rows();

}  // namespace gpuward::logs
