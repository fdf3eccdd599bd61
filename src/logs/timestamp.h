// Times as logs write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace gpuward::logs {

// For times that leave the year out.
struct YearHint {
  // A whole date that stood nearby: the year that comes closest to it.
  std::optional<Wall> neighbour;
  // Else the latest year in which the time does not lie after this one: when
  // the file was last written, or now.
  Wall latest{};
};

struct Stamp {
  Wall when{};
  size_t size = 0;         // bytes of text
  bool has_year = true;    // it was written there
  bool is_syslog = false;  // a host may follow
};

// What stands at the start of `text`: ISO 8601 (also with a space, a comma, or
// a weekday in front), syslog with or without a year or a fraction, ctime,
// klog, Go's log package, seconds since 1970 with a fraction. A zone that is
// missing, or known by letters only, is taken as UTC.
std::optional<Stamp> stamp_at(std::string_view text, const YearHint& hint);

}  // namespace gpuward::logs
