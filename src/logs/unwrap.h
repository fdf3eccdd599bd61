// The message inside what carried it: colours, quoting by mail and by HTML, a
// container runtime's, a shipper's or the journal's JSON, CRI's prefix, those
// of kubectl and docker compose, syslog's numbers, and what dmesg, /dev/kmsg
// and Talos put in front of the kernel's own words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace gpuward::logs {

struct Unwrapped {
  // May hold line breaks where one record held several lines. A view into the
  // line or into `scratch`.
  std::string_view text;
  std::optional<Wall> when;  // where the carrier says so
  bool is_kernel = false;    // the carrier says that the kernel said it
  std::string host;          // the carrier says that it is of this machine
};

// `scratch` is overwritten where the message had to be written anew.
Unwrapped unwrap(std::string_view line, std::string& scratch);

}  // namespace gpuward::logs
