// The end of a big log file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/root.h"

namespace gpuward::evidence {

struct FileLine {
  std::string text;
  int64_t line = 0;  // from 1; 0 where the beginning of the file was not read
};

// The last `limit` bytes, in lines without their ends; a first line that is
// cut is left out.
Result<std::vector<FileLine>> read_tail(const host::Root& root,
                                        std::string_view path, size_t limit);

// A line of kern.log, messages or syslog, if it is the kernel's.
struct KernelFileLine {
  std::optional<uint64_t> boot_usec;  // of "[ 12.345678]", where it has one
  std::string text;                   // without any prefix
};
std::optional<KernelFileLine> parse_kernel_line(std::string_view line);

}  // namespace gpuward::evidence
