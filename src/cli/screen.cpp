#include "cli/screen.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/text.h"

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

bool wants_no_colour() {
  const char* value = ::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0';
}

}  // namespace

Screen::Screen()
    : terminal_(::isatty(STDOUT_FILENO) == 1),
      colour_(terminal_ && !wants_no_colour()) {}

std::string Screen::paint(std::string_view text, Colour colour) const {
  if (!colour_ || colour == Colour::plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", code_of(colour), text);
}

void Screen::print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
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
