// Logs in, evidence out: `doctor --log FILE…`.
//
// One LogReader for all files of a pile. Lines that no pattern could match are
// only counted, so that a gigabyte costs seconds and no memory.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "evidence/text/extract.h"
#include "matching/literal_gate.h"
#include "model/evidence.h"

namespace gpuward {

struct LogOptions {
  Wall now{};  // for years that a log leaves out
  Boot deadline = Boot::max();
  // Bytes read of the file, and its size (0: not known, a pipe).
  std::function<void(int64_t done, int64_t total)> progress;
};

struct LogSummary {
  int64_t bytes = 0;  // after unpacking
  int64_t lines = 0;
  std::vector<Gap> gaps;  // cut, empty, binary, lines that were too long
};

class LogReader {
 public:
  using Sink = std::function<void(Evidence)>;

  // `literals`: those of the catalogue's patterns; lines that hold none of
  // them (and nothing for the extractors) are left out.
  explicit LogReader(std::span<const std::string> literals);

  // Reads one file ("-": standard input) to its end or the deadline. Fails
  // where it cannot be opened, with its name and what to do; whatever happens
  // later is a gap, and what was read counts.
  Result<LogSummary> read(const std::string& path, const LogOptions& options,
                          const Sink& sink);

  // What all files together say of the machine. To be folded after the lines.
  std::vector<Evidence> facts() const { return extractor_.facts(); }

 private:
  Extractor extractor_;
  LiteralGate gate_;
};

}  // namespace gpuward
