// /dev/kmsg read onwards: each look gives what is new since the one before it.
//
// Never waits: the kernel's ring is memory. Not for several threads.
#pragma once

#include <vector>

#include "base/fd.h"
#include "evidence/kmsg.h"
#include "host/root.h"

namespace gpuward::evidence {

class KmsgCursor {
 public:
  // Begins at the oldest record that the ring still has. `root` must outlive
  // it.
  explicit KmsgCursor(const host::Root& root) : root_(root) {}

  // At most `most` records, oldest first; what is left comes with the next
  // look. Records that were overwritten meanwhile, or make no sense, are
  // passed over. In a tree the file is read from where it ended; one that has
  // become shorter, from its start.
  Result<std::vector<KmsgRecord>> next(size_t most);

 private:
  Result<void> open();
  Result<std::vector<KmsgRecord>> from_device(size_t most);
  Result<std::vector<KmsgRecord>> from_file(size_t most);

  const host::Root& root_;
  Fd fd_;
  bool is_device_ = false;
  off_t offset_ = 0;  // of a file: where the next record begins
};

}  // namespace gpuward::evidence
