// A stream of bytes that is rewritten line by line on its way.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "logs/bytes.h"

namespace gpuward::logs {

// Reads `inner` to its end; what line() and end() append is what is read from
// it. Memory is bounded: of a line longer than kLongest nothing is shown to
// line(), it passes as it is.
class LineFilter : public ByteSource {
 public:
  static constexpr size_t kLongest = size_t{64} << 10;

  // `inner` outlives it.
  explicit LineFilter(ByteSource& inner) : inner_(&inner) {}
  explicit LineFilter(std::unique_ptr<ByteSource> inner)
      : owned_(std::move(inner)), inner_(owned_.get()) {}

  Result<size_t> read(char* buffer, size_t size) override;

 protected:
  // Without its line break.
  virtual void line(std::string_view line, std::string& out) = 0;
  // Before a line that is too long, and at the end: what is held back.
  virtual void flush(std::string& /*out*/) {}
  // From line(): the rest of the stream is of no interest and passes as it is.
  void pass_rest() { passing_ = true; }

 private:
  void fill();
  void take_lines();

  std::unique_ptr<ByteSource> owned_;
  ByteSource* inner_;
  std::string in_, out_;
  size_t given_ = 0;      // of out_
  bool in_line_ = false;  // within a line that is too long
  bool passing_ = false;
  bool ended_ = false;
  Result<void> failed_;
};

}  // namespace gpuward::logs
