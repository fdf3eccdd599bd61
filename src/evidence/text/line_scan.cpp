#include "evidence/text/line_scan.h"

#include <algorithm>
#include <cstring>

namespace gpuward {
namespace {

int64_t count_newlines(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n');
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
    const size_t hit = gate_.find(text, at);
    if (hit == std::string_view::npos) break;
    const size_t newline =
        hit == 0 ? std::string_view::npos : text.rfind('\n', hit - 1);
    const size_t begin =
        newline == std::string_view::npos || newline < at ? at : newline + 1;
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
    odd_bytes_ += std::count(block.begin(), block.end(), '\0');
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

}  // namespace gpuward
