// The block "sharing" of a configuration file: for config_file.cpp alone.
#pragma once

#include "base/yaml.h"
#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet::plugin {

// `node` may be nullptr. What is wrong becomes a complaint of `mistakes`; what
// NVIDIA's device plugin passes over with a warning, of `warnings`.
Sharing read_sharing(const Yaml* node, Complaints& mistakes,
                     Complaints& warnings);

// Complains of members of `map` that are not `known`, with the nearest one.
void warn_of_unknown(const Yaml& map, std::string_view where,
                     const std::vector<std::string>& known,
                     Complaints& warnings);

// "nvidia.com/gpu" of "gpu" or "nvidia.com/gpu"; empty where that is no name of
// a resource: 63 characters at most, a DNS subdomain after the slash.
std::string resource_name(std::string_view text);

}  // namespace gpuward::kubelet::plugin
