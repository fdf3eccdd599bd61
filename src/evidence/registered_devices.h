// Which devices the kubelet holds for healthy, by its checkpoint, against those
// that NVML has. The kubelet writes it anew with every list that a device
// plugin sends, so what stands there is what the plugin said last.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/source.h"
#include "model/snapshot.h"

namespace gpuward::evidence {

// Ids by resource, without the "::3" of a replica, each once; of resources
// "nvidia.com/…" alone.
using RegisteredDevices = std::map<std::string, std::vector<std::string>>;

// Pure. Error::malformed where it is no checkpoint.
Result<RegisteredDevices> parse_registered(std::string_view checkpoint);

// Fact registered_devices: "nvidia.com/gpu=GPU-…,GPU-…;nvidia.com/mig-1g.10gb="
Collected collect_registered_devices(const host::Host& host);

// Pure: facts registered_gone and registered_lacking from that fact among
// `evidence` and what NVML answered. None where NVML did not answer whole.
std::vector<Evidence> compare_registered(const std::vector<Evidence>& evidence,
                                         const Snapshot& snapshot);

}  // namespace gpuward::evidence
