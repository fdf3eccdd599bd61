// What is printed for people. Colour only on a terminal that has it (not
// TERM=dumb); NO_COLOR is honoured (no-color.org). Text is laid out for the
// terminal's width, and is ASCII where the locale is not UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "model/snapshot.h"

namespace gpuward::cli {

enum class Colour { plain, red, yellow, green, faint, bold };

class Screen {
 public:
  Screen();  // standard output

  bool is_terminal() const { return terminal_; }
  std::string paint(std::string_view text, Colour colour) const;
  // Columns, 40 to 200: $COLUMNS, else the terminal's, else 200.
  size_t width() const { return width_; }
  // What `print` makes of it: ASCII where the locale has nothing else.
  std::string shown(std::string_view text) const;
  void print(std::string_view text) const;
  // JSON and other text for programs: as it is, whatever the locale.
  void print_raw(std::string_view text) const;
  // A paragraph: the first line `indent` columns in, further lines `hang`.
  // `lead`, where the text begins with it, has the colour; so has `tail`,
  // faint.
  struct Layout {
    size_t indent = 0;
    size_t hang = 0;
    std::string_view lead = {};
    Colour colour = Colour::plain;
    std::string_view tail = {};
  };
  void print_wrapped(std::string_view text, const Layout& layout) const;

 private:
  bool terminal_;
  bool colour_;
  bool ascii_;
  size_t width_;
};

// One line on standard error that is overwritten while something is waited
// for; nothing where that is no terminal.
class WaitLine {
 public:
  WaitLine();
  ~WaitLine();
  WaitLine(const WaitLine&) = delete;
  WaitLine& operator=(const WaitLine&) = delete;

  void show(const std::string& text);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};

// "waiting 3 s for nvmlInit_v2 (deadline 15 s)"
std::string waiting_for(const Probe& probe, Millis waited);

// "gpuward: TEXT" on standard error.
void complain(std::string_view text);

}  // namespace gpuward::cli
