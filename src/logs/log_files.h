// The logs behind a path: one file, what is packed in it, the members of an
// archive, the files of a directory. What a thing is, its first bytes say, not
// its name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "logs/bytes.h"
#include "model/evidence.h"

namespace gpuward::logs {

struct LogFile {
  std::string name;  // as evidence names it: "logs.tar.gz/var/log/kern.log"
  std::optional<Wall> modified;
  bool alone = true;  // not one of several in a directory or an archive
  Buffered& bytes;
};

struct LogWalk {
  Boot deadline = Boot::max();
  std::function<void(LogFile&)> visit;
  // Bytes read of the file that is open, and its size (0: a pipe).
  std::function<void(int64_t done, int64_t total)> progress;
  std::vector<Gap> gaps;  // what was left out, and why
};

// Visits all, bounded in number and depth. Fails where `path` itself cannot be
// opened; all else is a gap.
Result<void> walk_logs(const std::string& path, LogWalk& walk);

}  // namespace gpuward::logs
