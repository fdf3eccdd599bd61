// Lines that whoever posted them has wrapped (a terminal, a mail, a ticket),
// put together again. The number of lines stays: a line that was joined is
// followed by empty ones in place of its parts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "logs/line_filter.h"
#include "matching/literal_gate.h"

namespace gpuward::logs {

// Looks at the first megabyte of every log, and at all of one in which many
// lines were wrapped.
class WrappedLines final : public LineFilter {
 public:
  // `gate`: literals of what is searched for. Two lines belong together where
  // one of them stands across their seam. Both outlive it.
  WrappedLines(ByteSource& inner, const matching::LiteralGate& gate)
      : LineFilter(inner), gate_(gate) {}

 private:
  struct Piece {
    std::string text;
    size_t columns = 0;     // of the line as it was written
    bool has_head = false;  // a time, or the driver's own words, begin it
    bool marked = false;    // a list's, table's or heading's own line
  };

  void line(std::string_view line, std::string& out) override;
  void flush(std::string& out) override;
  // What is to be put between the two; nothing where they are no one line.
  const char* seam(const Piece& left, const Piece& part,
                   const Piece& right) const;
  bool spans(std::string_view left, std::string_view between,
             std::string_view right) const;
  bool belongs(const Piece& left, const Piece& part, const Piece& right,
               std::string_view rest) const;
  void measure();
  static Piece piece(std::string_view line);

  const matching::LiteralGate& gate_;
  std::vector<Piece> block_;  // lines up to an empty one
  size_t width_ = 0;          // of the block
  bool at_words_ = false;     // it was wrapped between words
  size_t bytes_ = 0;
  int64_t lines_ = 0;
  int64_t joined_ = 0;
};

}  // namespace gpuward::logs
