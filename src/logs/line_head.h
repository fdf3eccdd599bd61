// What stands in front of a message: when, on which machine, from whom.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "logs/timestamp.h"

namespace gpuward::logs {

struct LineHead {
  std::optional<Wall> when;
  bool has_year = false;     // the time was written with its year
  std::string_view host;     // only where it can be told from other words
  std::string_view program;  // "kernel", "kubelet"; without its pid
  std::string_view source;  // "kernel-log", "kubelet-log", "systemd-log", "log"
  size_t body = 0;          // where the message begins
};

LineHead line_head(std::string_view line, const YearHint& hint);

// As one machine is called: "gpu-07" for "GPU-07.example.com". Empty where it
// names no machine ("localhost").
std::string host_name(std::string_view host);

}  // namespace gpuward::logs
