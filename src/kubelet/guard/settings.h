// Settings of `gpuward guard`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::kubelet::guard {

// One for all resources, and another for some of them.
struct PerResource {
  Millis usual{0};
  std::map<std::string, Millis> of;

  Millis for_resource(const std::string& resource) const;
};

struct GuardSettings {
  // Where the kubelet's socket lies, and ours for the kubelet.
  std::string kubelet_dir;
  // What the vendor's plugin sees in place of it.
  std::string plugin_dir;
  // What lasts from one guard to the next, and guard.json.
  std::string state_dir;

  PerResource preferred_deadline{.usual = 2s};
  PerResource allocate_deadline{.usual = 10s};
  // The kubelet itself gives up after 30 s.
  PerResource prestart_deadline{.usual = 25s};
  Millis options_deadline = 10s;
  // So many late Allocates in a row make the devices Unhealthy.
  int allocate_failures = 2;
  // How often a plugin that says nothing is asked whether it is there.
  Millis liveness_interval = 5s;
  // How long the devices of a plugin that is gone stay listed, Unhealthy; the
  // kubelet's own time for that.
  Millis plugin_grace = 5min;
};

// "2s", "hami.io/gpu=30s": sets the usual one or that of a resource.
Result<void> set_deadline(PerResource& out, const std::string& text);

// Error::malformed says which settings make no sense together.
Result<void> check(const GuardSettings& settings);

}  // namespace gpuward::kubelet::guard
