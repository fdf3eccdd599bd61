// When a line of a log was written, and who wrote it, as far as it says so.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace gpuward {

// ISO 8601, syslog ("Jul 30 19:46:12"), klog ("I0730 20:39:03.752764"). A year
// that is missing is the latest one in which the time does not lie after `now`;
// a missing zone is taken as UTC.
std::optional<Wall> line_time(std::string_view line, Wall now);

// "kernel-log", "kubelet-log", "systemd-log", else "log".
std::string_view line_source(std::string_view line);

}  // namespace gpuward
