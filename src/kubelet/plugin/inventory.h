// Inventory: the GPUs and MIG devices that the device plugin lists, as the
// agent's snapshots have named them. It outlives a driver that does not answer:
// who does not answer keeps the identity that it had.
//
// A GPU that NVML counts no longer stays listed, as missing, for as long as the
// machine is not booted anew: a lost GPU must not vanish without a word. A
// later boot whose first whole round does not have it ends that: then the
// machine was changed. Another GPU at the same address takes its place at once.
// A MIG device is there for as long as its GPU says so: one that was destroyed
// is gone with the next round that answers.
//
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/snapshot.h"

namespace gpuward::kubelet::plugin {

struct KnownGpu {
  std::string uuid;  // never empty
  std::string pci;   // as sysfs writes it, empty: not known
  std::string name;
  int index = -1;  // NVML's, of the last round in which it answered
  std::optional<int> minor;
  std::optional<int> numa_node;  // nothing: none, or not known
  std::string bus_path;          // its place in the tree of PCI bridges
  std::optional<bool> mig_on;    // nothing: it has never said so
  std::vector<MigDevice> mig;    // each has a UUID
  std::vector<NvLink> links;
  bool missing = false;  // NVML counted its GPUs, and this was not among them

  bool operator==(const KnownGpu&) const = default;
};

struct Inventory {
  std::string boot_id;         // of the last round that counted all GPUs
  std::vector<KnownGpu> gpus;  // by index, then by UUID

  bool operator==(const Inventory&) const = default;
};

// What sysfs says of a GPU's place; by PCI address. Reading it runs no driver
// code: /sys/bus/pci/devices/ADDRESS/numa_node, and where ADDRESS points.
struct BusPlace {
  int numa_node = -1;
  std::string path;
  bool is_bound = true;  // to NVIDIA's driver
};
using BusPlaces = std::map<std::string, BusPlace, std::less<>>;

struct InventoryUpdate {
  Inventory inventory;
  std::vector<std::string> changes;  // for the log, a sentence each
};
InventoryUpdate update(const Inventory& known, const Snapshot& snapshot,
                       const BusPlaces& places);

// For each GPU of the inventory what the snapshot says of it, or nullptr.
// Matched by UUID, else by address, else (same boot) by index.
std::vector<const Gpu*> frames_of(const Inventory& inventory,
                                  const Snapshot& snapshot);

// Whether NVML has counted all GPUs in a round that came back.
bool counts_all(const Snapshot& snapshot);

}  // namespace gpuward::kubelet::plugin
