#include "logs/line_filter.h"

#include <algorithm>
#include <utility>

namespace gpuward::logs {
namespace {

constexpr size_t kChunk = size_t{64} << 10;

}  // namespace

Result<size_t> LineFilter::read(char* buffer, size_t size) {
  while (out_.size() == given_) {
    out_.clear();
    given_ = 0;
    if (!failed_) return std::unexpected(failed_.error());
    if (ended_) return size_t{0};
    if (passing_) return inner_->read(buffer, size);
    fill();
  }
  const size_t count = std::min(size, out_.size() - given_);
  std::copy_n(out_.data() + given_, count, buffer);
  given_ += count;
  return count;
}

void LineFilter::fill() {
  const size_t have = in_.size();
  in_.resize(have + kChunk);
  const auto got = inner_->read(in_.data() + have, kChunk);
  in_.resize(have + got.value_or(0));
  ended_ = !got || *got == 0;
  take_lines();
  if (passing_ || ended_) {
    if (!passing_ && !in_.empty() && !in_line_) line(in_, out_);
    flush(out_);
    if (passing_ || in_line_) out_ += in_;
    in_.clear();
  }
  // What came before it is handed on first.
  if (!got) failed_ = std::unexpected(got.error());
}

void LineFilter::take_lines() {
  size_t at = 0;
  while (!passing_) {
    const size_t end = in_.find('\n', at);
    if (end == std::string::npos) break;
    const auto one = std::string_view(in_).substr(at, end - at);
    if (std::exchange(in_line_, false)) {
      out_ += one;
      out_ += '\n';
    } else {
      line(one, out_);
    }
    at = end + 1;
  }
  in_.erase(0, at);
  if (in_.size() <= kLongest || passing_) return;
  if (!in_line_) flush(out_);
  in_line_ = true;
  out_ += in_;
  in_.clear();
}

}  // namespace gpuward::logs
