// Cuts a stream of blocks into lines, and hands on only those in which the
// gate finds something. Memory is bounded whatever the log: of a line longer
// than kLongest only the head is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "matching/literal_gate.h"

namespace gpuward::logs {

class LineScan {
 public:
  static constexpr size_t kLongest = size_t{64} << 10;
  using Sink = std::function<void(std::string_view line, int64_t number)>;

  // Both outlive the scan.
  LineScan(const matching::LiteralGate& gate, const Sink& sink)
      : gate_(gate), sink_(sink) {}

  void feed(std::string_view block);
  void finish();  // the last line may lack its newline

  // From the sink: shows so many lines that follow, whatever is in them.
  void follow(int lines) { follow_ = lines; }

  int64_t lines() const { return lines_; }
  int64_t long_lines() const { return long_lines_; }
  int64_t odd_bytes() const { return odd_bytes_; }  // NUL

 private:
  void scan(std::string_view whole_lines);
  void emit(std::string_view line, int64_t number);

  const matching::LiteralGate& gate_;
  const Sink& sink_;
  std::string partial_;    // a line whose end has not come yet
  bool skipping_ = false;  // the rest of a line that is too long
  int follow_ = 0;
  int64_t lines_ = 0;
  int64_t long_lines_ = 0;
  int64_t odd_bytes_ = 0;
};

}  // namespace gpuward::logs
