#include "kubelet/service/allocation_view.h"

namespace gpuward::kubelet {
namespace {

// Of all GPUs, also those that are lost: a link to one of them leads to no
// switch.
std::vector<GpuPlace> places_of(const Inventory& inventory) {
  std::vector<GpuPlace> out;
  for (const KnownGpu& gpu : inventory.gpus) {
    GpuPlace& place = out.emplace_back();
    place.uuid = gpu.uuid;
    place.pci = gpu.pci;
    place.numa_node = gpu.numa_node;
    place.pci_path = gpu.bus_path;
    for (const NvLink& link : gpu.links) {
      place.nvlinks.push_back({.remote = link.remote, .active = link.active});
    }
  }
  return out;
}

Allocatable::Kind kind_of(const PluginDevice& device) {
  if (device.is_replica) return Allocatable::Kind::replica;
  return device.is_mig ? Allocatable::Kind::mig : Allocatable::Kind::gpu;
}

}  // namespace

AllocationView allocation_view(const Resource& resource,
                               const Inventory& inventory,
                               const Settings& settings) {
  Allocatable out;
  for (const PluginDevice& device : resource.devices) {
    out.kind = kind_of(device);
    out.devices.push_back(
        {.id = device.id, .gpu = device.gpu, .replica_of = device.uuid});
  }
  const bool is_packed = out.kind == Allocatable::Kind::mig
                             ? settings.pack_mig
                             : settings.pack_replicas;
  out.placement = is_packed ? Placement::packed : Placement::distributed;
  if (out.kind == Allocatable::Kind::gpu) out.places = places_of(inventory);
  return AllocationView(out);
}

}  // namespace gpuward::kubelet
