#include "kubelet/plugin/unnamed.h"

#include <algorithm>

#include "model/fields.h"

namespace gpuward::kubelet::plugin {
namespace {

KnownGpu unnamed(const std::string& address, const BusPlace& place) {
  // Whether it is divided by MIG cannot be known: it counts as a whole one.
  KnownGpu gpu{
      .uuid = std::string(kUnnamed) + address, .pci = address, .mig_on = false};
  gpu.bus_path = place.path;
  if (place.numa_node >= 0) gpu.numa_node = place.numa_node;
  return gpu;
}

bool is_known(const Inventory& inventory, const std::string& address) {
  return std::ranges::find(inventory.gpus, address, &KnownGpu::pci) !=
         inventory.gpus.end();
}

bool is_silent(const Gpu& frame) {
  return reading(frame, field::kUuid).state != Reading::State::value &&
         reading(frame, field::kHandle).state != Reading::State::value;
}

}  // namespace

std::vector<KnownGpu> unnamed_gpus(const Inventory& inventory,
                                   const Snapshot* snapshot,
                                   const BusPlaces& places,
                                   MigStrategy strategy) {
  std::vector<KnownGpu> out;
  if (inventory.gpus.empty()) {
    for (const auto& [address, place] : places) {
      if (place.is_bound) out.push_back(unnamed(address, place));
    }
    return out;
  }
  if (snapshot == nullptr || strategy == MigStrategy::single) return out;
  for (const Gpu& frame : snapshot->gpus) {
    const std::string address = to_text(reading(frame, field::kPciBusId).value);
    if (address.empty() || !is_silent(frame) || is_known(inventory, address)) {
      continue;
    }
    const auto place = places.find(address);
    out.push_back(
        unnamed(address, place == places.end() ? BusPlace{} : place->second));
  }
  return out;
}

}  // namespace gpuward::kubelet::plugin
