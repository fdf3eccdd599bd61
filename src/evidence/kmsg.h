// Records of /dev/kmsg: the format (Documentation/ABI/testing/dev-kmsg), and
// reading the ring.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/root.h"

namespace gpuward::evidence {

struct KmsgRecord {
  int priority = 0;  // 0 emergency … 7 debug
  uint64_t sequence = 0;
  uint64_t boot_usec = 0;
  std::string text;  // escapes undone; without the dictionary

  bool operator==(const KmsgRecord&) const = default;
};

// "6,339,5140900,-;text\n SUBSYSTEM=pci\n…": one record. Text lines of a
// message with newlines in it are joined by "\n" by the kernel's \x0a.
Result<KmsgRecord> parse_kmsg_record(std::string_view record);

struct KmsgRing {
  std::vector<KmsgRecord> records;  // oldest first
  // Records that were overwritten while we read, or are missing between two.
  uint64_t lost = 0;
  int malformed = 0;
  bool cut = false;  // stopped at a limit, newer records unread
  std::string file;

  // Nothing is missing since the kernel started.
  bool is_complete() const {
    return !records.empty() && records.front().sequence == 0 && lost == 0 &&
           !cut;
  }
};

// All of /dev/kmsg. On a machine the device; in a tree a regular file of the
// same records. Bounded: 64 MiB, 2 s.
Result<KmsgRing> read_kmsg(const host::Root& root);

// The pure part of the same: a file of records.
KmsgRing parse_kmsg_file(std::string_view text);

}  // namespace gpuward::evidence
