// Times: wall clock for people and records, boot clock for durations.
//
// Wall is milliseconds since 1970 UTC; it may jump. Boot is CLOCK_BOOTTIME, the
// clock of deadlines and of "since": it counts suspend and never jumps.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuward {

using Millis = std::chrono::milliseconds;
using namespace std::chrono_literals;

using Wall = std::chrono::sys_time<Millis>;

struct BootClock {
  using duration = Millis;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;
  static time_point now();
};
using Boot = BootClock::time_point;

Wall wall_now();

// "2026-01-25T04:11:10.999Z"
std::string to_iso(Wall when);
std::optional<Wall> from_iso(std::string_view text);

// "14:02:11" in local time, for a screen.
std::string to_clock(Wall when);

// For people: "850 ms", "12 s", "12 min", "5 d 2 h".
std::string to_words(Millis duration);

// As people write it: "30s", "1.5m", "250ms", "1h", and Go's "1h30m"; units are
// ns, us, ms, s, m, min, h, d. Rounded to milliseconds. Error::malformed, which
// says how to write it, for anything else: a number without a unit above all,
// but for "0".
Result<Millis> duration_from(std::string_view text);
// The same, where a number alone has always been seconds: "10".
Result<Millis> duration_or_seconds_from(std::string_view text);

}  // namespace gpuward
