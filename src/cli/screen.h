// What is printed for people. Colour and drawing only on a terminal; NO_COLOR
// is honoured (no-color.org).
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
  void print(std::string_view text) const;

 private:
  bool terminal_;
  bool colour_;
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
