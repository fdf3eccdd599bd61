// Records that a container's runtime has cut (docker at 16 KiB, CRI where it
// likes), put together again.
#pragma once

#include <string>
#include <string_view>

#include "logs/line_filter.h"

namespace gpuward::logs {

// Whether a file that begins with `head` may have such records.
bool is_container_log(std::string_view head);

// The whole stands where its last part stood; an empty line stands for each
// part before, so that lines keep their numbers.
class SplitRecords final : public LineFilter {
 public:
  using LineFilter::LineFilter;

 private:
  void line(std::string_view line, std::string& out) override;
  void flush(std::string& out) override;

  struct Held {
    std::string text;  // begins as its first part does, and has no end
    size_t parts = 0;
  };
  Held out_part_, error_part_;  // the two streams run through one another
};

}  // namespace gpuward::logs
