// journalctl -o verbose turned into lines as journalctl -o short-iso prints
// them, one for each entry, in the place of its first line.
#pragma once

#include <string>
#include <string_view>

#include "logs/line_filter.h"

namespace gpuward::logs {

// Whether a file that begins with `head` is in that form.
bool is_verbose(std::string_view head);

class VerboseLines final : public LineFilter {
 public:
  using LineFilter::LineFilter;

 private:
  void line(std::string_view line, std::string& out) override;
  void flush(std::string& out) override;

  std::string when_;  // as it is written; empty outside of an entry
  std::string message_, host_, identifier_, command_, pid_;
  size_t lines_ = 0;
};

}  // namespace gpuward::logs
