// Logs in, evidence out: `doctor --log FILE…`.
//
// One LogReader for all files of a pile. Lines that no pattern could match are
// only counted, so that a gigabyte costs a second and no memory. A single file
// is handed on as it is read; the lines of several are first put into order of
// time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/evidence.h"

namespace gpuward::logs {

struct LogOptions {
  Wall now{};  // for years that a log leaves out, where its file has no time
  Boot deadline = Boot::max();
  bool only_one = false;  // nothing else will be read: no need to wait for it
  // Bytes read of the file, and its size (0: not known, a pipe).
  std::function<void(int64_t done, int64_t total)> progress;
};

struct LogSummary {
  int64_t bytes = 0;  // after unpacking
  int64_t lines = 0;
  int64_t files = 0;
  std::vector<Gap> gaps;  // cut, empty, binary, lines that were too long
};

class LogReader {
 public:
  // Machines are numbered as they turn up, from 0.
  using Sink = std::function<void(size_t machine, const Evidence&)>;

  // `literals`: those of the catalogue's patterns; lines that hold none of
  // them (and nothing for the extractors) are left out.
  LogReader(std::span<const std::string> literals, Sink sink);
  ~LogReader();
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;

  // Reads what is behind one path ("-": standard input) to its end or the
  // deadline. Fails where it cannot be opened, with its name and what to do;
  // whatever happens later is a gap, and what was read counts.
  Result<LogSummary> read(const std::string& path, const LogOptions& options);

  // Hands on what still waits for the rest of the pile. Gaps of all of it.
  std::vector<Gap> finish();

  // After finish().
  struct Machine {
    std::string name;  // empty where nothing names it
    // What all files together say of it. To be folded after its lines.
    std::vector<Evidence> facts;
  };
  std::vector<Machine> machines() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuward::logs
