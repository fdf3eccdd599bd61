// The answer to Allocate: what a container is given for its devices, as
// NVIDIA's device plugin gives it.
//
// One thing is different: a device that is known to be unhealthy is not handed
// out, unless Settings::allow_unhealthy. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kubelet/plugin/health.h"
#include "kubelet/plugin/resources.h"
#include "kubelet/plugin/settings.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::plugin {

struct AllocateInput {
  const Resource& resource;
  const HealthState& health;
  const Settings& settings;
  // Whether a node is there ("/dev/nvidia-modeset"), without opening it.
  std::function<bool(std::string_view path)> exists;
  // A new one each time: part of the key of CDI's annotation.
  std::function<std::string()> make_uuid;
};

// One answer for each wish, in their order. Fails with Error::malformed for a
// request that cannot be right (an unknown device, too many replicas), with
// Error::gone for a device that is unhealthy, with Error::not_found for one
// whose device nodes are not known and are wanted.
Result<std::vector<wire::Allocation>> allocate(
    const AllocateInput& input, const std::vector<wire::DeviceIds>& wishes);

// The names of a device in CDI specifications: "VENDOR/gpu=ID".
inline constexpr std::string_view kCdiVendor = "k8s.device-plugin.nvidia.com";
inline constexpr std::string_view kCdiClass = "gpu";

}  // namespace gpuward::kubelet::plugin
