// What a snapshot says of one GPU: for health.cpp alone. Pure.
#pragma once

#include <optional>
#include <string>

#include "kubelet/plugin/inventory.h"

namespace gpuward::kubelet::plugin {

struct GpuVerdict {
  enum class Kind {
    good,
    bad,      // whoever waits, this will not pass by itself
    hanging,  // no answer yet
    no_news,  // a round is under way, and nothing is late
  };
  Kind kind = Kind::no_news;
  std::string reason;         // bad, hanging
  std::optional<Wall> since;  // hanging: when the call began, if that is known
  Wall round_at{};            // good: when it answered
};

// `frame`: what the snapshot has of `gpu`, or nullptr. A call that is not back
// for `tolerance` is late, whatever its own deadline.
GpuVerdict verdict_of(const KnownGpu& gpu, const Gpu* frame,
                      const Snapshot& snapshot, Millis tolerance);

}  // namespace gpuward::kubelet::plugin
