#include "base/time.h"

#include <fmt/core.h>
#include <time.h>

#include <cmath>
#include <map>

#include "base/text.h"

namespace gpuward {

Boot BootClock::now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return Boot(std::chrono::duration_cast<Millis>(
      std::chrono::seconds(now.tv_sec) +
      std::chrono::nanoseconds(now.tv_nsec)));
}

Wall wall_now() {
  return std::chrono::floor<Millis>(std::chrono::system_clock::now());
}

std::string to_iso(Wall when) {
  const auto count = when.time_since_epoch().count();
  const auto seconds = static_cast<time_t>(
      std::chrono::floor<std::chrono::seconds>(when.time_since_epoch())
          .count());
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  const auto millis = ((count % 1000) + 1000) % 1000;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
}

std::optional<Wall> from_iso(std::string_view text) {
  tm parts{};
  const std::string copy(text);
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  long millis = 0;
  if (*rest == '.') {
    int digits = 0;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest) {
      if (++digits <= 3) millis = millis * 10 + (*rest - '0');
    }
    for (; digits < 3; ++digits) millis *= 10;
  }
  if (std::string_view(rest) != "Z") return std::nullopt;
  return Wall(std::chrono::seconds(::timegm(&parts))) + Millis(millis);
}

std::string to_clock(Wall when) {
  const auto seconds = static_cast<time_t>(
      std::chrono::floor<std::chrono::seconds>(when.time_since_epoch())
          .count());
  tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

std::string to_words(Millis duration) {
  const long long ms = duration.count();
  if (ms < 0) return "0 ms";
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 10'000)
    return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000.0);
  const long long seconds = ms / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  const long long minutes = seconds / 60;
  if (minutes < 120) return fmt::format("{} min", minutes);
  const long long hours = minutes / 60;
  if (hours < 48) {
    return minutes % 60 == 0 ? fmt::format("{} h", hours)
                             : fmt::format("{} h {} min", hours, minutes % 60);
  }
  return hours % 24 == 0 ? fmt::format("{} d", hours / 24)
                         : fmt::format("{} d {} h", hours / 24, hours % 24);
}

namespace {

// Milliseconds; Go's units, and the longer ones that people write.
std::optional<double> unit_in_ms(std::string_view unit) {
  static const std::map<std::string_view, double> kUnits = {
      {"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3}, {"ms", 1},    {"s", 1e3},
      {"m", 6e4},   {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
  const auto found = kUnits.find(unit);
  if (found == kUnits.end()) return std::nullopt;
  return found->second;
}

// The sum of numbers with their units: "1h30m".
std::optional<double> sum_in_ms(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789.";
  double sum = 0;
  do {
    const std::string_view number =
        text.substr(0, text.find_first_not_of(kDigits));
    text.remove_prefix(number.size());
    const std::string_view name = text.substr(0, text.find_first_of(kDigits));
    text.remove_prefix(name.size());
    const auto value = to_double(number);
    const auto unit = unit_in_ms(name);
    if (!value || !unit) return std::nullopt;
    sum += *value * *unit;
  } while (!text.empty());
  return sum;
}

}  // namespace

Result<Millis> duration_from(std::string_view text) {
  constexpr double kMost = 1e15;  // 30,000 years
  if (text == "0") return Millis(0);
  const auto sum = sum_in_ms(text);
  if (!sum || *sum > kMost) {
    return fail(Error::Kind::malformed,
                fmt::format("invalid duration '{}': use 500ms, 10s, 5m or 1h",
                            printable(text, 100)));
  }
  return Millis(std::llround(*sum));
}

Result<Millis> duration_or_seconds_from(std::string_view text) {
  const bool is_number = text.find_first_not_of("0123456789.") == text.npos;
  return duration_from(is_number && !text.empty() ? std::string(text) + "s"
                                                  : std::string(text));
}

}  // namespace gpuward
