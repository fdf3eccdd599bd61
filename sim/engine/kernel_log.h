// The simulated kernel log: records of /dev/kmsg in a regular file, with times
// since the simulated boot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/engine/scenario.h"

namespace gpuward::simulator {

// "4,17,5000000,-;text\n"
std::string kernel_record(int priority, uint64_t sequence, Millis at,
                          std::string_view text);

// What the machine printed while it started.
std::vector<LogLine> boot_lines(const Scenario& scenario);

// Every line after `from` and up to `end`, repeated ones written out, in order
// of time.
std::vector<LogLine> lines_between(const std::vector<LogLine>& lines,
                                   Millis from, Millis end);

// The next line after `from` that a repeated or later line gives; used by the
// keeper, which writes the log on while the node lives.
std::optional<Millis> next_line(const std::vector<LogLine>& lines, Millis from);

// Appends to root/dev/kmsg; the sequence number follows the last record's.
Result<void> append_kernel_lines(const std::string& node,
                                 const std::vector<LogLine>& lines);

// The lines that the driver prints for an Xid, with priorities; `gpu` gives the
// address. Times are left at 0.
std::vector<LogLine> xid_lines(int xid, const sim_gpu& gpu,
                               const std::string& text);

// "0000:0f:00.0"
std::string sysfs_address(const sim_gpu& gpu);
// "0000:0f:00", as Xid lines have it
std::string xid_address(const sim_gpu& gpu);

}  // namespace gpuward::simulator
