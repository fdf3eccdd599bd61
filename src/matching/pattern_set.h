// Many regular expressions matched at once, in linear time whatever the text.
// RE2 is used in pattern_set.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "matching/literal_gate.h"

namespace gpuward::matching {

struct Pattern {
  std::string regex;
  // One of these must occur; empty: taken from the regex.
  std::vector<std::string> literals;
};

using Captures = std::vector<std::pair<std::string, std::string>>;

// For one thread: what a pattern needs is built when it is first asked for.
class PatternSet {
 public:
  // What is wrong with one pattern, or nothing: it does not compile, or no
  // literal of LiteralGate::kShortest bytes can be named for it.
  static Result<void> check(const Pattern& pattern);
  // Every pattern must have passed check().
  explicit PatternSet(const std::vector<Pattern>& patterns);
  ~PatternSet();
  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;

  const std::vector<std::string>& literals() const;
  // Indices of the patterns that match somewhere in `line`, ascending.
  std::vector<size_t> match(std::string_view line) const;
  // Named groups of pattern `index` that took part in its first match.
  Captures captures(size_t index, std::string_view line) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuward::matching
