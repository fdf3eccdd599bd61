// From inventory and settings to what an allocation is chosen by. Pure.
#pragma once

#include "kubelet/allocation/preferred.h"
#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/resources.h"
#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet::service {

allocation::AllocationView allocation_view(const plugin::Resource& resource,
                                           const plugin::Inventory& inventory,
                                           const plugin::Settings& settings);

}  // namespace gpuward::kubelet::service
