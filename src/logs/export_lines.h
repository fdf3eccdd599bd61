// The journal's export form (journalctl -o export) turned into lines as
// journalctl -o short-iso prints them, one for each entry.
#pragma once

#include <memory>
#include <string_view>

#include "logs/bytes.h"

namespace gpuward::logs {

// Whether a file that begins with `head` is in that form.
bool is_export(std::string_view head);

std::unique_ptr<Buffered> export_lines(std::unique_ptr<ByteSource> entries);

// "2026-07-30T20:39:03.753Z node kernel: MESSAGE"; the pid may be empty, and
// whatever else is not known is left out.
struct JournalEntry {
  std::string_view realtime_us, host, identifier, pid, message;
};
std::string as_line(const JournalEntry& entry);

}  // namespace gpuward::logs
