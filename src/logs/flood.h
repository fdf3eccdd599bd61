// Thins floods: of lines that say the same again and again (a driver can print
// millions) the first ones are handed on, and the last one, with how many it
// stands for. What differs is the time and long numbers (a pid, an address).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace gpuward::logs {

// One line of a log, taken apart. The views live as long as the call.
struct LogLine {
  std::string_view text;
  std::string_view source;  // of a literal
  std::optional<Wall> when;
  size_t body = 0;    // of text: where the message begins
  size_t host = 0;    // the reader's number for it, 0: not known
  int64_t line = 0;   // in its file
  int64_t times = 1;  // 0: said before, only its numbers count
  int boot = 0;       // Evidence::boot
};

class FloodGate {
 public:
  static constexpr int64_t kAll = 64;
  static constexpr size_t kMostKinds = 4096;
  using Sink = std::function<void(const LogLine&)>;

  // True where `line` is to be handed on; else it is kept or only counted.
  bool passes(const LogLine& line);
  // The last one of each flood, in their order.
  void drain(const Sink& sink);

 private:
  struct Kind {
    int64_t count = 0;
    int64_t held = 0;
    LogLine last;
    std::string text;
  };
  std::unordered_map<uint64_t, Kind> kinds_;
};

}  // namespace gpuward::logs
