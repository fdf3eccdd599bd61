#include "matching/literal_gate.h"

#include <algorithm>
#include <cstring>

namespace gpuward {
namespace {

constexpr size_t kBlock = 3;  // bytes that the shift table looks at
constexpr size_t kTableBits = 15;

// Folds letters' case and some punctuation as well, which only lets a little
// more pass.
char fold(char c) { return static_cast<char>(c | 0x20); }

// Of the three bytes that end at `end`; the one before them must be readable.
uint32_t hash3(const char* end) {
  uint32_t value = 0;
  std::memcpy(&value, end - 4, 4);
  value = (value >> 8) | 0x202020U;
  return (value * 2654435761U) >> (32 - kTableBits);
}

}  // namespace

LiteralGate::LiteralGate(const std::vector<std::string>& literals)
    : shift_(size_t{1} << kTableBits), buckets_(size_t{1} << kTableBits) {
  window_ = literals.empty() ? kShortest : size_t{32};
  for (const std::string& literal : literals) {
    open_ = open_ || literal.size() < kShortest;
    window_ = std::min(window_, literal.size());
    literals_.push_back(literal);
    std::ranges::transform(literals_.back(), literals_.back().begin(), fold);
  }
  window_ = std::max(window_, kBlock);
  const auto longest = static_cast<uint8_t>(window_ - kBlock + 1);
  std::ranges::fill(shift_, longest);
  if (open_) return;
  for (uint32_t i = 0; i < literals_.size(); ++i) {
    const std::string padded = "?" + literals_[i];
    for (size_t end = kBlock; end <= window_; ++end) {
      const uint32_t hash = hash3(padded.data() + 1 + end);
      const auto shift = static_cast<uint8_t>(window_ - end);
      shift_[hash] = std::min(shift_[hash], shift);
      if (shift == 0) buckets_[hash].push_back(i);
    }
  }
}

bool LiteralGate::matches_at(std::string_view text, size_t start,
                             size_t bucket) const {
  return std::ranges::any_of(buckets_[bucket], [&](uint32_t index) {
    const std::string& literal = literals_[index];
    if (text.size() - start < literal.size()) return false;
    return std::equal(literal.begin(), literal.end(),
                      text.begin() + static_cast<std::ptrdiff_t>(start),
                      [](char a, char b) { return a == fold(b); });
  });
}

size_t LiteralGate::find(std::string_view text, size_t from) const {
  if (open_) return from < text.size() ? from : std::string_view::npos;
  size_t end = from + window_;
  while (end <= text.size()) {
    const uint32_t hash = hash3(text.data() + end);
    const uint8_t shift = shift_[hash];
    if (shift != 0) {
      end += shift;
      continue;
    }
    if (matches_at(text, end - window_, hash)) return end - window_;
    ++end;
  }
  return std::string_view::npos;
}

}  // namespace gpuward
