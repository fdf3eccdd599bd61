// The kubelet's checkpoint file, kubelet_internal_checkpoint: who holds which
// devices, as the real one writes it. The checksum is one of our own.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "kubelet/device_manager.h"

namespace gpuward::kubelet_test {

struct Checkpoint {
  AllGrants grants;
  std::map<std::string, Ids> registered;  // healthy devices by resource
};

using NumaOf = std::function<int64_t(const std::string& resource,
                                     const std::string& id)>;  // -1: none

std::string to_text(const Checkpoint& checkpoint, const NumaOf& numa_of);
Result<Checkpoint> checkpoint_from(std::string_view text);

}  // namespace gpuward::kubelet_test
