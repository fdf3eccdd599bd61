// Which machine a piece of text is of, where a tool that asks many machines at
// once says so.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace gpuward::logs {

// pdsh, clush, dshbak, ansible. One for each file; lines in their order.
class Origin {
 public:
  // How many of the lines that follow must be shown as well.
  static constexpr int kHeading = 2;
  // A line of which is shown at least: what such a heading consists of.
  static constexpr std::string_view kRule = "---------------";
  static constexpr std::string_view kResult = " | rc=";

  // Takes "node7: " off the line where that names a machine. False where
  // nothing is left: the line is a part of a heading.
  bool take_prefix(std::string_view& line);
  // The machine of a line from which take_prefix() has taken one, or of those
  // under the last heading; empty where nothing says so.
  const std::string& host() const { return host_; }

 private:
  bool heading(std::string_view line);

  std::string host_;
  std::string candidate_;
  int rules_ = 0;  // lines of a heading so far
  bool prefixed_ = false;
  std::set<std::string, std::less<>> known_;
};

}  // namespace gpuward::logs
