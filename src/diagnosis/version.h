// Driver versions. A driver's first number is its branch, and branches are
// maintained side by side: 575.57.08 is not "newer" than 570.172.08, and may
// lack a fix that the latter has. So versions are compared within a branch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward::diagnosis {

using Version = std::vector<int>;

// "570.158.01" → {570, 158, 1}; nothing unless it is numbers joined by dots.
std::optional<Version> parse_version(std::string_view text);

// What is known of one branch. `from` alone: affected to its end.
struct BranchRange {
  int branch = 0;
  Version from, to, fixed;  // empty where not known
  std::string from_text, to_text, fixed_text;
};

enum class DriverStatus {
  affected,
  fixed,
  unaffected,  // older than the first affected one
  unknown,     // a branch, or a part of one, of which nothing is known
};

DriverStatus driver_status(const std::vector<BranchRange>& ranges,
                           const Version& version);
// "570.124.06 … 570.158.01, fixed in 570.172.08", of the branch of `version`.
std::string range_in_words(const std::vector<BranchRange>& ranges,
                           const Version& version);
// "570.172.08 (branch 570), 580.65.06 (branch 580)"
std::string fixes_in_words(const std::vector<BranchRange>& ranges);

}  // namespace gpuward::diagnosis
