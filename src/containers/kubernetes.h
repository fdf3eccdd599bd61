// What Kubernetes' side says of a container: its name, in annotations of the
// OCI specification that the runtime writes, and the kubelet's checkpoint of
// what device plugins answered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "containers/oci_spec.h"
#include "host/root.h"

namespace gpuward::containers {

struct PodContainer {
  std::string runtime;  // "containerd", "cri-o"; empty where not Kubernetes'
  std::string pod, pod_namespace, container, image;
  bool is_sandbox = false;  // the pause container
};
// By the annotations of containerd's CRI plugin and of CRI-O.
PodContainer pod_container_of(const OciSpec& spec);

// A device plugin's answer for one container.
struct PluginNode {
  std::string path;  // in the container
  std::string host_path;
  std::string access;
};
struct PluginAnswer {
  std::string pod_uid, container, resource;
  std::vector<PluginNode> nodes;
  std::vector<std::string> cdi_devices;
};

inline constexpr std::string_view kKubeletCheckpoint =
    "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";

// Pure; entries that make no sense are left out.
Result<std::vector<PluginAnswer>> parse_checkpoint(std::string_view text);
// The protobuf message ContainerAllocateResponse of the device plugin API
// v1beta1, of which devices and CDI devices are kept.
Result<void> parse_allocate_response(std::string_view bytes, PluginAnswer& out);
// Standard alphabet; nothing where it is none.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace gpuward::containers
