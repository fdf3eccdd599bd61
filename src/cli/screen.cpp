#include "cli/screen.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "base/wrap.h"

namespace gpuward::cli {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::plain:
      return "";
    case Colour::red:
      return "\x1b[31m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::faint:
      return "\x1b[2m";
    case Colour::bold:
      return "\x1b[1m";
  }
  return "";
}

// Empty where it is not set.
std::string_view environment(const char* name) {
  const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view() : value;
}

bool wants_no_colour() {
  return !environment("NO_COLOR").empty() || environment("TERM") == "dumb";
}

// As setlocale(3) chooses; a name without a codeset, such as C, is ASCII. With
// none of the three set, as under a service manager, a reader is a log: UTF-8.
bool locale_is_ascii() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = to_lower(environment(name));
    if (locale.empty()) continue;
    return locale.find("utf-8") == std::string::npos &&
           locale.find("utf8") == std::string::npos;
  }
  return false;
}

size_t columns_of_terminal() {
  // Whoever searches a file for a sentence shall find it on one line.
  constexpr size_t kNoTerminal = 200;
  if (const auto told = to_number<size_t>(environment("COLUMNS"))) {
    return *told;
  }
  winsize size{};
  const bool known =
      ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kNoTerminal;
}

}  // namespace

Screen::Screen()
    : terminal_(::isatty(STDOUT_FILENO) == 1),
      colour_(terminal_ && !wants_no_colour()),
      ascii_(locale_is_ascii()),
      width_(std::clamp<size_t>(columns_of_terminal(), 40, 200)) {}

std::string Screen::paint(std::string_view text, Colour colour) const {
  if (!colour_ || colour == Colour::plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", code_of(colour), text);
}

std::string Screen::shown(std::string_view text) const {
  return ascii_ ? to_ascii(text) : std::string(text);
}

void Screen::print(std::string_view text) const { print_raw(shown(text)); }

void Screen::print_raw(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Screen::print_wrapped(std::string_view text, const Layout& layout) const {
  const std::string lead = shown(layout.lead);
  const std::string tail = shown(layout.tail);
  const auto lines =
      wrap(shown(text), width_ - std::max(layout.indent, layout.hang));
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    out.append(i == 0 ? layout.indent : layout.hang, ' ');
    if (i == 0 && !lead.empty() && line.starts_with(lead)) {
      out += paint(lead, layout.colour);
      line.remove_prefix(lead.size());
    }
    const bool ends =
        i + 1 == lines.size() && !tail.empty() && line.ends_with(tail);
    if (ends) line.remove_suffix(tail.size());
    out += line;
    if (ends) out += paint(tail, Colour::faint);
    out += '\n';
  }
  print_raw(out);
}

WaitLine::WaitLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

WaitLine::~WaitLine() { clear(); }

void WaitLine::show(const std::string& text) {
  if (!terminal_) return;
  std::fprintf(stderr, "\r\x1b[K%s", printable(text, 78).c_str());
  std::fflush(stderr);
  shown_ = true;
}

void WaitLine::clear() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

std::string waiting_for(const Probe& probe, Millis waited) {
  if (probe.symbol.empty()) {
    return fmt::format("waiting {} for the probe", to_words(waited));
  }
  const std::string gpu =
      probe.gpu >= 0 ? fmt::format(" of GPU {}", probe.gpu) : "";
  return fmt::format("waiting {} for {}{} (its deadline: {})", to_words(waited),
                     probe.symbol, gpu, to_words(probe.deadline));
}

void complain(std::string_view text) {
  // What a file holds may stand in it, escape sequences too.
  constexpr size_t kLongestLine = 2000;
  std::string shown;
  for (const std::string_view line : split(text, '\n')) {
    if (!shown.empty()) shown += '\n';
    shown += printable(line, kLongestLine);
  }
  std::fprintf(stderr, "gpuward: %s\n", shown.c_str());
}

}  // namespace gpuward::cli
