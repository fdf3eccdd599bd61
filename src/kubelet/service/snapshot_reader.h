// Reads the agent's snapshot aside: neither a file system that stalls nor the
// time that parsing takes is felt by a call of the kubelet.
//
// Thread: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/host.h"
#include "kubelet/plugin/inventory.h"
#include "loop/loop.h"
#include "model/snapshot.h"

namespace gpuward::kubelet::service {

class SnapshotReader {
 public:
  struct News {
    // Nothing where the file is the one that was read before, or is none.
    std::unique_ptr<Snapshot> snapshot;
    bool is_as_before = false;
    std::string why_none;
    plugin::BusPlaces places;  // empty where it is as before
  };

  // `host` must live as long as the process, `loop` as long as the reader.
  static Result<std::unique_ptr<SnapshotReader>> start(
      loop::Loop& loop, const host::Host& host,
      std::function<void(News)> receive);
  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  // News come once for it; does nothing while a look is under way.
  void look();

 private:
  struct State;
  explicit SnapshotReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gpuward::kubelet::service
