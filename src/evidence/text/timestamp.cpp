#include "evidence/text/timestamp.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace gpuward {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// "20:39:03.752764" at the start of `text`.
std::optional<Millis> clock_time(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hours = to_number<int>(text.substr(0, 2));
  const auto minutes = to_number<int>(text.substr(3, 2));
  const auto seconds = to_number<int>(text.substr(6, 2));
  if (!hours || !minutes || !seconds || *hours > 23 || *minutes > 59) {
    return std::nullopt;
  }
  Millis time = std::chrono::hours(*hours) + std::chrono::minutes(*minutes) +
                std::chrono::seconds(*seconds);
  if (text.size() >= 12 && text[8] == '.') {
    if (const auto part = to_number<int>(text.substr(9, 3))) {
      time += Millis(*part);
    }
  }
  return time;
}

std::optional<Wall> without_year(int month, int day, Millis time, Wall now) {
  namespace ch = std::chrono;
  const ch::year_month_day today{ch::floor<ch::days>(now)};
  for (const int back : {0, 1}) {
    const ch::year_month_day date{today.year() - ch::years(back),
                                  ch::month(static_cast<unsigned>(month)),
                                  ch::day(static_cast<unsigned>(day))};
    if (!date.ok()) continue;
    const Wall when = Wall(ch::sys_days(date)) + time;
    // A zone that is missing may put the line up to a day ahead.
    if (when <= now + 24h) return when;
  }
  return std::nullopt;
}

std::optional<Wall> syslog_time(std::string_view text, Wall now) {
  if (text.size() < 15) return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(0, 3));
  if (month == kMonths.end() || text[3] != ' ' || text[6] != ' ') {
    return std::nullopt;
  }
  const auto day = to_number<int>(trim(text.substr(4, 2)));
  const auto time = clock_time(text.substr(7));
  if (!day || !time) return std::nullopt;
  return without_year(static_cast<int>(month - kMonths.begin()) + 1, *day,
                      *time, now);
}

// "I0730 20:39:03.752764"
std::optional<Wall> klog_time(std::string_view text, Wall now) {
  if (text.size() < 14 || text[5] != ' ') return std::nullopt;
  if (std::string_view("IWEF").find(text[0]) == std::string_view::npos) {
    return std::nullopt;
  }
  const auto month = to_number<int>(text.substr(1, 2));
  const auto day = to_number<int>(text.substr(3, 2));
  const auto time = clock_time(text.substr(6));
  if (!month || !day || !time) return std::nullopt;
  return without_year(*month, *day, *time, now);
}

std::optional<Wall> iso_time(std::string_view text) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const size_t end = std::min(text.find_first_of(" ]\t", 11), text.size());
  std::string word(text.substr(0, end));
  word[10] = 'T';
  if (const auto when = from_iso(word)) return when;
  return from_iso(word.substr(0, 19) + "Z");
}

}  // namespace

std::optional<Wall> line_time(std::string_view line, Wall now) {
  // A line number or a bracket may stand in front.
  const size_t limit = std::min<size_t>(line.size(), 24);
  for (size_t at = 0; at < limit; ++at) {
    const bool starts = at == 0 || line[at - 1] == ' ' || line[at - 1] == '[';
    if (!starts) continue;
    const auto rest = line.substr(at);
    if (const auto when = iso_time(rest)) return when;
    if (const auto when = syslog_time(rest, now)) return when;
    if (const auto when = klog_time(rest, now)) return when;
  }
  return std::nullopt;
}

std::string_view line_source(std::string_view line) {
  const auto head = line.substr(0, 160);
  const auto has = [&](std::string_view word) {
    return head.find(word) != std::string_view::npos;
  };
  if (has("kubelet[")) return "kubelet-log";
  if (has("systemd[1]:")) return "systemd-log";
  if (has(" kernel: ")) return "kernel-log";
  const auto start = trim(line);
  if (start.starts_with("NVRM: ")) return "kernel-log";
  if (start.starts_with("[") && start.find("] ") < 20 && start.find('.') < 14) {
    return "kernel-log";
  }
  return "log";
}

}  // namespace gpuward
