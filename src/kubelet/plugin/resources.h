// Which resources a node offers, and of what devices: NVIDIA's names, ids and
// strategies.
//
// Where NVIDIA's device plugin ends with an error this one goes on. What could
// be handed out by mistake (MIG devices of several sizes, or MIG devices and
// whole GPUs, under one name) is listed and is unhealthy, with the reason. What
// has no name (a compute instance that is smaller than its GPU instance) or
// nothing to offer (MIG is on, no device made yet) is left out, with a note.
//
// Pure and deterministic.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet::plugin {

struct PluginDevice {
  std::string id;     // "GPU-…", "MIG-…"; a replica: "GPU-…::3"
  std::string uuid;   // the same without the replica's number
  std::string gpu;    // UUID of the GPU that it is, or is a part of
  std::string index;  // "0", MIG: "0:1"
  bool is_mig = false;
  bool is_replica = false;
  std::vector<std::string> nodes;  // empty: not known
  std::vector<int64_t> numa_nodes;

  bool operator==(const PluginDevice&) const = default;
};

struct Resource {
  std::string name;                   // "nvidia.com/gpu"
  std::vector<PluginDevice> devices;  // not empty; ids are unique
  bool mps = false;                   // its replicas are shared by MPS
  std::string problem;  // why none of it may be handed out, empty: nothing

  bool operator==(const Resource&) const = default;
};

struct Resources {
  std::vector<Resource> list;      // by name
  std::vector<std::string> notes;  // what is not offered, and why

  bool operator==(const Resources&) const = default;
};

Resources resources_of(const Inventory& inventory, const Settings& settings);

// "nvidia-gpu" for "nvidia.com/gpu": what NVIDIA's sockets are called, without
// ".sock".
std::string socket_stem(std::string_view resource);

}  // namespace gpuward::kubelet::plugin
