#include "logs/report_sections.h"

#include <algorithm>
#include <functional>

#include "base/text.h"

namespace gpuward::logs {

bool ReportSections::divides(std::string_view line) {
  if (!report_) {
    report_ = line.starts_with(kStart);
    return false;
  }
  if (line == kRule) {
    ++section_;
    boot_ = 0;
    return true;
  }
  const auto text = trim(line);
  if (text == kKernel) {
    ++section_;
    return true;
  }
  if (!text.starts_with(kBoot) || !text.ends_with(':')) {
    return false;
  }
  const auto number = text.substr(kBoot.size(), 1);
  boot_ = -to_number<int>(number).value_or(0);
  ++section_;
  return true;
}

// As often as the section that has it most.
bool ReportSections::is_repeated(std::string_view body) {
  constexpr size_t kMost = size_t{1} << 16;
  if (!report_) return false;
  const uint64_t key =
      std::hash<std::string_view>{}(trim(body)) + static_cast<uint64_t>(boot_);
  if (told_.size() >= kMost && !told_.contains(key)) return false;
  Told& told = told_[key];
  if (told.section != section_) {
    told.section = section_;
    told.in_section = 0;
  }
  ++told.in_section;
  if (told.in_section <= told.most) return true;
  told.most = told.in_section;
  return false;
}

}  // namespace gpuward::logs
