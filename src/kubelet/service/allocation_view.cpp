#include "kubelet/service/allocation_view.h"

namespace gpuward::kubelet::service {
namespace {

// Of all GPUs, also those that are lost: a link to one of them leads to no
// switch.
std::vector<allocation::GpuPlace> places_of(
    const plugin::Inventory& inventory) {
  std::vector<allocation::GpuPlace> out;
  for (const plugin::KnownGpu& gpu : inventory.gpus) {
    allocation::GpuPlace& place = out.emplace_back();
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

allocation::Allocatable::Kind kind_of(const plugin::PluginDevice& device) {
  if (device.is_replica) return allocation::Allocatable::Kind::replica;
  return device.is_mig ? allocation::Allocatable::Kind::mig
                       : allocation::Allocatable::Kind::gpu;
}

}  // namespace

allocation::AllocationView allocation_view(const plugin::Resource& resource,
                                           const plugin::Inventory& inventory,
                                           const plugin::Settings& settings) {
  allocation::Allocatable out;
  for (const plugin::PluginDevice& device : resource.devices) {
    out.kind = kind_of(device);
    out.devices.push_back(
        {.id = device.id, .gpu = device.gpu, .replica_of = device.uuid});
  }
  const bool is_packed = out.kind == allocation::Allocatable::Kind::mig
                             ? settings.pack_mig
                             : settings.pack_replicas;
  out.placement = is_packed ? allocation::Placement::packed
                            : allocation::Placement::distributed;
  if (out.kind == allocation::Allocatable::Kind::gpu)
    out.places = places_of(inventory);
  return allocation::AllocationView(out);
}

}  // namespace gpuward::kubelet::service
