#include "logs/timestamp.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.h"

namespace gpuward::logs {
namespace {

namespace ch = std::chrono;

constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu",
                                                   "Fri", "Sat", "Sun"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A cursor over the text; every step either takes what it names or fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  size_t at() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  // Exactly `digits` of them, at most `most`.
  std::optional<int> number(int digits, int most) {
    int value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      if (!is_digit(peek())) return std::nullopt;
      value = value * 10 + (peek() - '0');
    }
    if (value > most) return std::nullopt;
    return value;
  }
  template <size_t kSize>
  std::optional<int> name(const std::array<std::string_view, kSize>& names) {
    if (text_.size() < at_ + 3) return std::nullopt;
    const char* word = text_.data() + at_;
    const auto found = std::ranges::find_if(names, [&](std::string_view one) {
      return one[0] == word[0] && one[1] == word[1] && one[2] == word[2];
    });
    if (found == names.end()) return std::nullopt;
    at_ += 3;
    return static_cast<int>(found - names.begin());
  }
  // "20:39:03", "20:39:03.752764", "20:39:03,752"
  std::optional<Millis> clock() {
    const auto hours = number(2, 23);
    if (!hours || !take(':')) return std::nullopt;
    const auto minutes = number(2, 59);
    if (!minutes || !take(':')) return std::nullopt;
    const auto seconds = number(2, 60);
    if (!seconds) return std::nullopt;
    Millis time =
        ch::hours(*hours) + ch::minutes(*minutes) + ch::seconds(*seconds);
    const bool fraction = (peek() == '.' || peek() == ',') &&
                          at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
    if (!fraction) return time;
    ++at_;
    int64_t unit = 100;
    for (; is_digit(peek()); ++at_, unit /= 10) {
      time += Millis(unit * (peek() - '0'));
    }
    return time;
  }
  // What is east of UTC: "Z", "+02:00", "+0200", " +0200", " UTC", " CST".
  Millis zone() {
    const size_t before = at_;
    if (take('Z')) return 0ms;
    take(' ');
    const char sign = peek();
    if (sign == '+' || sign == '-') {
      ++at_;
      const auto hours = number(2, 14);
      const size_t after_hours = at_;
      take(':');
      auto minutes = number(2, 59);
      if (!minutes) at_ = after_hours;
      if (hours) {
        const Millis east =
            ch::hours(*hours) + ch::minutes(minutes.value_or(0));
        return sign == '-' ? -east : east;
      }
    } else if (text_.substr(at_, 3) == "UTC" || text_.substr(at_, 3) == "GMT") {
      at_ += 3;
      return 0ms;
    }
    at_ = before;
    return 0ms;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

std::optional<Wall> at_date(int year, int month, int day, Millis time) {
  const ch::year_month_day date{ch::year(year),
                                ch::month(static_cast<unsigned>(month)),
                                ch::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Wall(ch::sys_days(date)) + time;
}

int year_of(Wall when) {
  const ch::year_month_day date{ch::floor<ch::days>(when)};
  return static_cast<int>(date.year());
}

std::optional<Wall> without_year(int month, int day, Millis time,
                                 const YearHint& hint) {
  std::optional<Wall> best;
  if (hint.neighbour) {
    const int middle = year_of(*hint.neighbour);
    for (const int year : {middle - 1, middle, middle + 1}) {
      const auto when = at_date(year, month, day, time);
      const auto distance = [&](Wall one) {
        return std::abs((one - *hint.neighbour).count());
      };
      if (when && (!best || distance(*when) < distance(*best))) best = when;
    }
    return best;
  }
  // A zone that is missing may put the line up to a day ahead. Eight years: a
  // 29th of February.
  const int last = year_of(hint.latest + 24h);
  for (int year = last; year >= last - 8; --year) {
    const auto when = at_date(year, month, day, time);
    if (when && *when <= hint.latest + 24h) return when;
  }
  return std::nullopt;
}

// "2025-07-30T19:46:12.5+02:00", "2025-07-30 19:46:12 UTC",
// "2025/07/30 19:46:12"
std::optional<Stamp> iso(Reader reader) {
  const auto year = reader.number(4, 9999);
  const char dash = reader.peek();
  if (!year || (dash != '-' && dash != '/') || !reader.take(dash)) {
    return std::nullopt;
  }
  const auto month = reader.number(2, 12);
  if (!month || !reader.take(dash)) return std::nullopt;
  const auto day = reader.number(2, 31);
  const bool compact = reader.peek() == 'T';
  if (!day || (!reader.take('T') && !reader.take(' '))) return std::nullopt;
  const auto time = reader.clock();
  if (!time) return std::nullopt;
  const auto when = at_date(*year, *month, *day, *time);
  if (!when) return std::nullopt;
  const Millis east = reader.zone();
  return Stamp{*when - east, reader.at(), true, compact};
}

// "Jul 30 19:46:12", "Jul 30 19:46:12.123456", "Jul 30 19:46:12 2025",
// "Jul 30 2025 19:46:12"
std::optional<Stamp> syslog(Reader reader, const YearHint& hint) {
  const auto month = reader.name(kMonths);
  if (!month || !reader.take(' ')) return std::nullopt;
  const bool padded = reader.take(' ');
  auto day = reader.number(padded ? 1 : 2, 31);
  if (!day || !reader.take(' ')) return std::nullopt;
  Reader with_year = reader;
  std::optional<int> year;
  if (const auto number = with_year.number(4, 2999);
      number && *number >= 1970 && with_year.take(' ')) {
    year = number;
    reader = with_year;
  }
  const auto time = reader.clock();
  if (!time) return std::nullopt;
  with_year = reader;
  if (!year && with_year.take(' ')) {  // ctime
    const auto number = with_year.number(4, 2999);
    const char next = with_year.peek();
    const bool ends = next == ']' || next == '\0' || next == ' ';
    if (number && *number >= 1970 && ends) {
      year = number;
      reader = with_year;
    }
  }
  const auto when = year ? at_date(*year, *month + 1, *day, *time)
                         : without_year(*month + 1, *day, *time, hint);
  if (!when) return std::nullopt;
  return Stamp{*when, reader.at(), year.has_value(), !year};
}

// "I0730 20:39:03.752764"
std::optional<Stamp> klog(Reader reader, const YearHint& hint) {
  if (!reader.take('I') && !reader.take('W') && !reader.take('E') &&
      !reader.take('F')) {
    return std::nullopt;
  }
  const auto month = reader.number(2, 12);
  const auto day = month ? reader.number(2, 31) : std::nullopt;
  if (!day || !reader.take(' ')) return std::nullopt;
  const auto time = reader.clock();
  if (!time) return std::nullopt;
  const auto when = without_year(*month, *day, *time, hint);
  if (!when) return std::nullopt;
  return Stamp{*when, reader.at(), false, false};
}

// journalctl -o short-unix: "1753904772.123456"
std::optional<Stamp> unix_seconds(Reader reader) {
  const auto high = reader.number(1, 3);
  const auto low = high ? reader.number(9, 999'999'999) : std::nullopt;
  if (!low || !reader.take('.')) return std::nullopt;
  const auto micros = reader.number(6, 999'999);
  if (!micros || *high == 0 || reader.peek() != ' ') return std::nullopt;
  const int64_t seconds = *high * int64_t{1'000'000'000} + *low;
  return Stamp{Wall(ch::seconds(seconds)) + Millis(*micros / 1000), reader.at(),
               true, true};
}

// The stamp behind "Wed ", its size with the weekday.
std::optional<Stamp> behind_weekday(std::string_view text,
                                    const YearHint& hint) {
  if (std::ranges::find(kDays, text.substr(0, 3)) == kDays.end() ||
      text.size() < 5 || text[3] != ' ') {
    return std::nullopt;
  }
  const Reader reader(text.substr(4));
  auto stamp = iso(reader);
  if (!stamp) stamp = syslog(reader, hint);
  if (!stamp) return std::nullopt;
  stamp->size += 4;
  stamp->is_syslog = true;
  return stamp;
}

}  // namespace

std::optional<Stamp> stamp_at(std::string_view text, const YearHint& hint) {
  if (text.size() < 14) return std::nullopt;
  const char first = text.front();
  const Reader reader(text);
  if (is_digit(first)) {
    if (const auto stamp = iso(reader)) return stamp;
    return unix_seconds(reader);
  }
  if (first < 'A' || first > 'W') return std::nullopt;
  if (const auto stamp = syslog(reader, hint)) return stamp;
  if (const auto stamp = klog(reader, hint)) return stamp;
  return behind_weekday(text, hint);
}

}  // namespace gpuward::logs
