#include "evidence/pci_topology.h"

#include "base/text.h"
#include "evidence/pci.h"

namespace gpuward::evidence {
namespace {

std::optional<int> numa_node_of(const host::Root& root,
                                const std::string& device) {
  const auto text = root.read_word(device + "/numa_node");
  if (!text) return std::nullopt;
  const auto node = to_number<int>(*text);
  // The kernel writes -1 where the firmware does not say.
  return node && *node >= 0 ? node : std::nullopt;
}

std::string driver_of(const host::Root& root, const std::string& device) {
  const auto link = root.read_link(device + "/driver");
  return link ? link->substr(link->rfind('/') + 1) : std::string();
}

}  // namespace

std::string path_of_link(std::string_view link) {
  const size_t root_complex = link.find("/pci");
  const size_t device = link.rfind('/');
  if (root_complex == link.npos || root_complex == device) return {};
  const size_t begin = root_complex + 1;
  return std::string(link.substr(begin, device - begin));
}

Result<std::vector<PciPlace>> pci_places(const host::Root& root) {
  std::vector<PciPlace> out;
  for (const std::string& address : TRY(gpu_addresses(root))) {
    const std::string device = "/sys/bus/pci/devices/" + address;
    const auto link = root.read_link(device);
    out.push_back({.address = address,
                   .path = link ? path_of_link(*link) : std::string(),
                   .numa_node = numa_node_of(root, device),
                   .driver = driver_of(root, device)});
  }
  return out;
}

}  // namespace gpuward::evidence
