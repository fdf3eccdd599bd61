#include "diagnosis/manual.h"

#include <algorithm>
#include <map>

#include "diagnosis/fold.h"

namespace gpuward::diagnosis {
namespace {

// A machine has faults of so many kinds at once only together with what follows
// from them, and its log says when.
constexpr size_t kManyFaults = 4;

bool has_a_time(const Evidence& evidence) {
  return evidence.when.has_value() || kernel_stamp(evidence.text).has_value();
}

// As the kernel prints it, copied without its time.
bool is_kernels_own(const Evidence& evidence) {
  return evidence.text.starts_with("NVRM:");
}

// What the catalogue says besides is no evidence of a machine's.
bool is_of_a_file(const Evidence& evidence) {
  return evidence.source == "log" && !evidence.file.empty();
}

bool is_of_the_machine(const Evidence& evidence) {
  return !is_of_a_file(evidence) && evidence.source != "catalogue";
}

bool is_timeless(const Finding& finding) {
  return std::ranges::none_of(finding.evidence, is_of_the_machine) &&
         std::ranges::none_of(finding.evidence, has_a_time);
}

}  // namespace

std::set<std::string> manuals_among(const std::vector<Finding>& findings) {
  std::map<std::string, std::set<std::string>> faults;
  for (const Finding& finding : findings) {
    if (!is_timeless(finding) ||
        std::ranges::any_of(finding.evidence, is_kernels_own)) {
      continue;
    }
    for (const Evidence& evidence : finding.evidence) {
      if (is_of_a_file(evidence)) faults[evidence.file].insert(finding.id);
    }
  }
  std::set<std::string> manuals;
  for (const auto& [file, ids] : faults) {
    if (ids.size() >= kManyFaults) manuals.insert(file);
  }
  return manuals;
}

bool rests_on(const std::set<std::string>& manuals, const Finding& finding) {
  bool any = false;
  for (const Evidence& evidence : finding.evidence) {
    if (!is_of_a_file(evidence)) continue;
    if (!manuals.contains(evidence.file)) return false;
    any = true;
  }
  return any && is_timeless(finding);
}

}  // namespace gpuward::diagnosis
