// The cheap first look at text: does any of some thousand literals occur?
//
// Nearly every line of a log says nothing of a GPU. Finding that out must cost
// almost nothing, however many literals there are: four bytes at every second
// place are looked up in a bit map that stays in the first-level cache, and
// only what is set there is compared with the literals. Regular expressions
// see what passes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward::matching {

class LiteralGate {
 public:
  // Shorter literals would let too much pass.
  static constexpr size_t kShortest = 5;

  // Literals shorter than kShortest make the gate pass everything.
  explicit LiteralGate(const std::vector<std::string>& literals);

  // Where a literal that lies wholly at or after `from` begins, or npos: one
  // in the first line that has any. Letters match without regard to case. May
  // find a little too much, never too little.
  size_t find(std::string_view text, size_t from = 0) const;

 private:
  // Four bytes of a literal, by which it is found.
  struct Anchor {
    uint32_t bytes = 0;
    uint32_t literal = 0;
    uint32_t offset = 0;  // in the literal
  };
  void place_anchors();
  bool is_marked(uint32_t hash) const {
    return (marks_[hash >> 6] >> (hash & 63) & 1) != 0;
  }
  size_t next_mark(std::string_view text, size_t at) const;
  size_t literal_around(std::string_view text, size_t at, size_t from) const;

  std::vector<std::string> literals_;  // folded
  std::vector<uint64_t> marks_;        // one bit for each hash
  std::vector<Anchor> anchors_;        // by bucket
  std::vector<uint32_t> buckets_;      // where each bucket begins
  size_t stride_ = 2;
  bool open_ = false;
};

// Literals of which one must occur in every text that `pattern` matches; empty
// where none can be named.
std::vector<std::string> required_literals(std::string_view pattern);

}  // namespace gpuward::matching
