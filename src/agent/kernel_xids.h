// The Xids of this boot, kept up to date from the kernel's log.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "evidence/kmsg_cursor.h"
#include "host/host.h"
#include "model/snapshot.h"

namespace gpuward::agent {

// What the log's records come to: bounded, pure.
class XidLog {
 public:
  static constexpr size_t kMost = 256;

  // `booted`: when the kernel's clock of records was 0.
  void take(const evidence::KmsgRecord& record, Wall booted);

  // Oldest first; of each code at each place the newest.
  std::vector<XidEvent> events() const;
  const std::optional<Wall>& driver_loaded_at() const { return loaded_; }

 private:
  // Address, code, GPU instance, compute instance.
  using Place =
      std::tuple<std::string, int, std::optional<int>, std::optional<int>>;
  std::map<Place, XidEvent> newest_;
  std::optional<Wall> loaded_;
};

// The live log. Not for several threads; never waits.
class KernelXids {
 public:
  // `host` must outlive it.
  explicit KernelXids(const host::Host& host);

  // Takes what is new. Bounded: a look of the loop's thread.
  void look();
  // All that there is, before a loop has begun; two seconds at most.
  void look_at_all();
  // Xids, when the driver was loaded and, where the log cannot be read, a gap.
  void add_to(Snapshot& snapshot) const;

 private:
  size_t look(size_t most);

  const host::Host& host_;
  evidence::KmsgCursor cursor_;
  XidLog log_;
  std::string why_not_;  // the log cannot be read
};

}  // namespace gpuward::agent
