// Where the NVIDIA GPUs hang in the tree of PCI bridges, and at which NUMA
// node: from sysfs, without touching a device. The kernel made these names when
// it found the devices; a GPU that has fallen off the bus keeps them until it
// is removed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"

namespace gpuward::evidence {

struct PciPlace {
  std::string address;  // "0000:0f:00.0", as sysfs writes it
  // From the root complex down to the last bridge above the device:
  // "pci0000:0c/0000:0c:01.0/0000:0d:00.0/0000:0e:00.0". Empty: not known.
  std::string path;
  std::optional<int> numa_node;  // nothing: none, or not known
  std::string driver;            // that is bound to it: "nvidia"; empty: none

  bool operator==(const PciPlace&) const = default;
};

// Of every NVIDIA GPU, in the order of the bus. Fails where the list of devices
// cannot be read.
Result<std::vector<PciPlace>> pci_places(const host::Root& root);

// The path in what the link /sys/bus/pci/devices/ADDRESS points at:
// "../../../devices/pci0000:0c/…/0000:0f:00.0". Arm servers have platform
// devices in front of the root complex, which are left out.
std::string path_of_link(std::string_view link);

}  // namespace gpuward::evidence
