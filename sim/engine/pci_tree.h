// Where the GPUs of a scenario hang below the processors, from their addresses
// alone.
//
// Of data-centre GPUs two share a PCIe switch, the first and the second, the
// third and the fourth, …, as on HGX boards: with those of the other NUMA node
// they share nothing. Any other GPU has a port of the processor for itself.
#pragma once

#include <string>
#include <vector>

#include "sim/engine/scenario.h"

namespace gpuward::simulator {

struct PciBridge {
  enum class Kind { root_port, switch_port };
  Kind kind = Kind::root_port;
  std::string address;  // "0000:0c:01.0"
  std::string above;    // "pci0000:0c", or that and the bridges above
  int numa_node = -1;
};

struct PciTree {
  std::vector<std::string> above;  // of each GPU
  std::vector<PciBridge> bridges;
};

PciTree pci_tree(const Scenario& scenario);

}  // namespace gpuward::simulator
