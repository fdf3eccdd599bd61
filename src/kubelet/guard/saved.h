// What one guard leaves to the next: who was registered, and the last list of
// devices. With it a guard that was started anew knows its resources before any
// plugin says a word. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gpuward::kubelet::guard {

// The bytes of the plugin's messages as they were.
struct SavedResource {
  std::string resource;
  std::string endpoint;  // the plugin's socket, a name in its directory
  std::string registration;
  std::string options;
  std::string devices;

  bool operator==(const SavedResource&) const = default;
};

std::string to_text(const std::vector<SavedResource>& saved);
// Error::malformed for anything else than to_text() gives.
Result<std::vector<SavedResource>> saved_from_text(std::string_view text);

}  // namespace gpuward::kubelet::guard
