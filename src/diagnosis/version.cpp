#include "diagnosis/version.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"

namespace gpuward::diagnosis {
namespace {

const BranchRange* branch_of(const std::vector<BranchRange>& ranges,
                             const Version& version) {
  const auto found =
      std::ranges::find(ranges, version.front(), &BranchRange::branch);
  return found == ranges.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  for (const std::string_view part : split(trim(text), '.')) {
    const auto number = to_number<int>(part);
    if (!number || *number < 0) return std::nullopt;
    version.push_back(*number);
  }
  if (version.empty()) return std::nullopt;
  return version;
}

DriverStatus driver_status(const std::vector<BranchRange>& ranges,
                           const Version& version) {
  const BranchRange* branch = branch_of(ranges, version);
  if (branch == nullptr) return DriverStatus::unknown;
  if (!branch->fixed.empty() && version >= branch->fixed) {
    return DriverStatus::fixed;
  }
  if (branch->from.empty()) return DriverStatus::unknown;
  if (version < branch->from) return DriverStatus::unaffected;
  if (!branch->to.empty() && version > branch->to) {
    return DriverStatus::unknown;
  }
  return DriverStatus::affected;
}

std::string range_in_words(const std::vector<BranchRange>& ranges,
                           const Version& version) {
  const BranchRange* branch = branch_of(ranges, version);
  if (branch == nullptr) return "";
  std::string words;
  if (!branch->from_text.empty()) {
    words = branch->from_text;
    if (branch->to_text != branch->from_text) {
      words += branch->to_text.empty() ? " and later" : " … " + branch->to_text;
    }
  }
  if (branch->fixed_text.empty()) return words;
  if (!words.empty()) words += ", ";
  return words + "fixed in " + branch->fixed_text;
}

std::string fixes_in_words(const std::vector<BranchRange>& ranges) {
  std::string words;
  for (const BranchRange& range : ranges) {
    if (range.fixed_text.empty()) continue;
    if (!words.empty()) words += ", ";
    words += fmt::format("{} (branch {})", range.fixed_text, range.branch);
  }
  return words;
}

}  // namespace gpuward::diagnosis
