// What the device plugin keeps in a file: enough to list the devices, and to go
// on being careful, while the driver has not answered since the start.
//
// JSON, schema 1; a later gpuward may add members. Pure.
#pragma once

#include <string>
#include <string_view>

#include "kubelet/plugin/health.h"
#include "kubelet/plugin/inventory.h"

namespace gpuward::kubelet::plugin {

struct SavedState {
  Inventory inventory;
  // Of its units those that are unhealthy, with their reason; nothing that is
  // healthy only because it was so then.
  HealthState health;
};

// Changes only where something is to be kept that was not kept before: times
// that move by themselves are not in it.
std::string to_text(const Inventory& inventory, const HealthState& health);
// Fails with Error::malformed on anything else than such a text.
Result<SavedState> saved_state_from(std::string_view text);

}  // namespace gpuward::kubelet::plugin
