#include "logs/line_scan.h"

#include <algorithm>
#include <cstring>

namespace gpuward::logs {
namespace {

// Sixteen bytes at a time: g++ does not do so by itself at -O2, and counting
// would cost as much as searching.
int64_t count_of(char wanted, std::string_view text) {
  using Bytes [[gnu::vector_size(16)]] = int8_t;
  constexpr size_t kWidth = sizeof(Bytes);
  constexpr size_t kMostSteps = 127;  // until a byte overflows
  const Bytes all = Bytes{} + static_cast<int8_t>(wanted);
  int64_t count = 0;
  size_t at = 0;
  while (at + kWidth <= text.size()) {
    Bytes sums{};
    for (size_t i = 0; i < kMostSteps && at + kWidth <= text.size(); ++i) {
      Bytes part;
      std::memcpy(&part, text.data() + at, kWidth);
      sums -= part == all;
      at += kWidth;
    }
    for (size_t i = 0; i < kWidth; ++i) count += sums[i];
  }
  const auto rest = text.substr(at);
  return count + std::count(rest.begin(), rest.end(), wanted);
}

int64_t count_newlines(std::string_view text) { return count_of('\n', text); }

// Where the line that holds `at` begins, not before `from`.
size_t begin_of_line(std::string_view text, size_t from, size_t at) {
  const void* newline = ::memrchr(text.data() + from, '\n', at - from);
  if (newline == nullptr) return from;
  return static_cast<size_t>(static_cast<const char*>(newline) - text.data()) +
         1;
}

}  // namespace

void LineScan::emit(std::string_view line, int64_t number) {
  if (line.size() > kLongest) {
    ++long_lines_;
    line = line.substr(0, kLongest);
  }
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  sink_(line, number);
}

// Jumps from hit to hit; what lies between is only counted.
void LineScan::scan(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t hit = follow_ > 0 ? at : gate_.find(text, at);
    if (hit == std::string_view::npos) break;
    if (follow_ > 0) --follow_;
    const size_t begin = begin_of_line(text, at, hit);
    lines_ += count_newlines(text.substr(at, begin - at));
    const size_t end = std::min(text.find('\n', hit), text.size());
    // A hit beyond the part of a line that is kept does not count.
    const auto line = text.substr(begin, end - begin);
    if (hit - begin < kLongest) emit(line, lines_ + 1);
    if (end < text.size()) ++lines_;
    at = end + 1;
  }
  if (at < text.size()) lines_ += count_newlines(text.substr(at));
}

void LineScan::feed(std::string_view block) {
  if (std::memchr(block.data(), '\0', block.size()) != nullptr) {
    odd_bytes_ += count_of('\0', block);
  }
  const size_t first = block.find('\n');
  if (skipping_) {
    if (first == std::string_view::npos) return;
    skipping_ = false;
    ++lines_;
    block.remove_prefix(first + 1);
  } else if (!partial_.empty()) {
    const size_t take = std::min(first, block.size());
    partial_.append(block.substr(0, take));
    if (first != std::string_view::npos) {
      partial_ += '\n';
      scan(partial_);
      partial_.clear();
      block.remove_prefix(first + 1);
    } else {
      block = {};
    }
  }
  const size_t last = block.rfind('\n');
  const size_t whole = last == std::string_view::npos ? 0 : last + 1;
  scan(block.substr(0, whole));
  partial_.append(block.substr(whole));
  if (partial_.size() <= kLongest) return;
  ++long_lines_;
  partial_.resize(kLongest);
  if (gate_.find(partial_) != std::string_view::npos) {
    emit(partial_, lines_ + 1);
  }
  partial_.clear();
  skipping_ = true;
}

void LineScan::finish() {
  if (skipping_) ++lines_;
  if (partial_.empty()) return;
  partial_ += '\n';
  scan(partial_);
  partial_.clear();
}

}  // namespace gpuward::logs
