#include "sim/engine/pci_tree.h"

#include <fmt/core.h>

#include <cstdio>
#include <set>

namespace gpuward::simulator {
namespace {

// The processor's, that above the switch, that of its ports.
constexpr int kBusesAboveSwitch = 3;

struct Place {
  unsigned domain = 0;
  int bus = 0;
};

Place place_of(const sim_gpu& gpu) {
  Place out;
  unsigned bus = 0;
  if (std::sscanf(gpu.pci, "%8x:%2x", &out.domain, &bus) == 2) {
    out.bus = static_cast<int>(bus);
  }
  return out;
}

bool is_data_centre(const sim_gpu& gpu) { return gpu.inforom_image[0] != 0; }

class Builder {
 public:
  explicit Builder(const Scenario& scenario) : gpus_(scenario.gpus) {
    for (const sim_gpu& gpu : gpus_) take(place_of(gpu), 0, 0);
  }

  PciTree build() {
    for (size_t i = 0; i < gpus_.size(); ++i) {
      if (i % 2 == 0 && i + 1 < gpus_.size() && share_switch(i)) {
        put_below_switch(i++);
      } else {
        put_below_port(i);
      }
    }
    return std::move(tree_);
  }

 private:
  // Whether these buses, counted upwards from the GPU's, are nobody's; then
  // they are taken.
  bool take(Place place, int from, int to) {
    for (int bus = place.bus + from; bus <= place.bus + to; ++bus) {
      if (bus < 0 || taken_.contains({place.domain, bus})) return false;
    }
    for (int bus = place.bus + from; bus <= place.bus + to; ++bus) {
      taken_.insert({place.domain, bus});
    }
    return true;
  }

  bool share_switch(size_t first) {
    const sim_gpu& one = gpus_[first];
    const sim_gpu& other = gpus_[first + 1];
    const Place place = place_of(one);
    return is_data_centre(one) && is_data_centre(other) &&
           one.numa_node == other.numa_node &&
           place.domain == place_of(other).domain &&
           place.bus < place_of(other).bus &&
           take(place, -kBusesAboveSwitch, -1);
  }

  std::string add(PciBridge::Kind kind, const std::string& above,
                  const std::string& address, int numa_node) {
    tree_.bridges.push_back({kind, address, above, numa_node});
    return above + "/" + address;
  }

  void put_below_switch(size_t first) {
    using enum PciBridge::Kind;
    const auto [domain, bus] = place_of(gpus_[first]);
    const int node = gpus_[first].numa_node;
    const int top = bus - kBusesAboveSwitch;
    const std::string root = fmt::format("pci{:04x}:{:02x}", domain, top);
    const std::string port = add(
        root_port, root, fmt::format("{:04x}:{:02x}:01.0", domain, top), node);
    const std::string upwards =
        add(switch_port, port,
            fmt::format("{:04x}:{:02x}:00.0", domain, top + 1), node);
    for (int i = 0; i < 2; ++i) {
      tree_.above.push_back(
          add(switch_port, upwards,
              fmt::format("{:04x}:{:02x}:{:02x}.0", domain, top + 2, i), node));
    }
  }

  void put_below_port(size_t index) {
    const Place place = place_of(gpus_[index]);
    const int bus = take(place, -1, -1) ? place.bus - 1 : place.bus;
    const std::string root = fmt::format("pci{:04x}:{:02x}", place.domain, bus);
    if (bus == place.bus) return tree_.above.push_back(root);
    tree_.above.push_back(
        add(PciBridge::Kind::root_port, root,
            fmt::format("{:04x}:{:02x}:01.0", place.domain, bus),
            gpus_[index].numa_node));
  }

  const std::vector<sim_gpu>& gpus_;
  std::set<std::pair<unsigned, int>> taken_;
  PciTree tree_;
};

}  // namespace

PciTree pci_tree(const Scenario& scenario) { return Builder(scenario).build(); }

}  // namespace gpuward::simulator
