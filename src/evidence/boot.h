// Boot time, kernel, host name and distribution.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

Collected collect_boot(const host::Host& host);

// When the machine under `root` was booted; nothing where /proc/uptime is not
// to be read.
std::optional<Wall> boot_time(const host::Root& root);

// Seconds since that boot, from /proc/uptime.
Result<double> uptime_seconds(const host::Root& root);
Result<std::string> hostname(const host::Root& root);

// PRETTY_NAME of os-release, unquoted; empty if there is none.
std::string pretty_name(std::string_view os_release);

}  // namespace gpuward::evidence
