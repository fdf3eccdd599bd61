// The cheap first look at text: does any of some hundred literals occur?
//
// Nearly every line of a log says nothing of a GPU. Finding that out must cost
// almost nothing, so the literals that patterns need are looked for first, in
// whole blocks, with skips (Wu and Manber's method); regular expressions see
// only what passes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward {

class LiteralGate {
 public:
  // Shorter literals would let too much pass.
  static constexpr size_t kShortest = 5;

  // Literals shorter than kShortest make the gate pass everything.
  explicit LiteralGate(const std::vector<std::string>& literals);

  // Where the first literal at or after `from` begins, or npos. Letters match
  // without regard to case. May find a little too much, never too little.
  size_t find(std::string_view text, size_t from = 0) const;

 private:
  bool matches_at(std::string_view text, size_t start, size_t bucket) const;

  std::vector<std::string> literals_;  // folded
  std::vector<uint8_t> shift_;
  std::vector<std::vector<uint32_t>> buckets_;
  size_t window_ = kShortest;
  bool open_ = false;
};

// Literals of which one must occur in every text that `pattern` matches; empty
// where none can be named.
std::vector<std::string> required_literals(std::string_view pattern);

}  // namespace gpuward
