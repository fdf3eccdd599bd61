// Lines of several logs, put into one order of time without being held in
// memory: beyond some megabytes they wait in a file without a name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "logs/flood.h"

namespace gpuward::logs {

class LineStore {
 public:
  // A piece of one log whose lines follow one another.
  struct Run {
    size_t file = 0;
    size_t host = 0;  // of lines that name none; 0: not known
    size_t begin = 0, end = 0;
    std::optional<Wall> first;  // the earliest time that it begins with
  };
  using Sink = std::function<void(const Run&, const LogLine&)>;

  void begin_run(size_t file);
  void add(const LogLine& line);
  std::vector<Run>& runs() { return runs_; }

  // All lines: those of runs without any time first, in the order of the runs;
  // then by time, where a line without one stays behind the one before it.
  void merge(const Sink& sink) const;
  // Lines that found no place, in memory or on disk.
  int64_t lost() const { return lost_; }

 private:
  class Cursor;
  Result<void> spill();
  size_t read_at(size_t offset, char* buffer, size_t size) const;

  std::vector<Run> runs_;
  std::string memory_;  // what follows the first `on_disk_` bytes
  size_t on_disk_ = 0;
  Fd disk_;
  bool full_ = false;
  int64_t lost_ = 0;
};

}  // namespace gpuward::logs
