// Devices: on the PCI bus, as nodes, and as the cgroups of containers see them.
#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "bundle/pieces.h"
#include "containers/programs.h"
#include "evidence/nvidia_nodes.h"
#include "model/fields.h"
#include "model/snapshot.h"

namespace gpuward::bundle {
namespace {

constexpr std::string_view kPci = "/sys/bus/pci/devices";

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// All of these come from memory: none asks the device (law 1).
constexpr std::string_view kPciFiles[] = {"class",
                                          "vendor",
                                          "device",
                                          "subsystem_vendor",
                                          "subsystem_device",
                                          "revision",
                                          "numa_node",
                                          "enable",
                                          "irq",
                                          "power_state",
                                          "d3cold_allowed",
                                          "reset_method",
                                          "power/control",
                                          "power/runtime_status",
                                          "sriov_numvfs",
                                          "aer_dev_correctable",
                                          "aer_dev_nonfatal",
                                          "aer_dev_fatal"};

std::string pci_device(const host::Root& root, const std::string& address) {
  const std::string folder = std::string(kPci) + "/" + address;
  std::string text = address;
  if (const auto driver = root.read_link(folder + "/driver")) {
    text += "  driver " + last_part(*driver);
  }
  if (const auto group = root.read_link(folder + "/iommu_group")) {
    text += "  iommu group " + last_part(*group);
  }
  text += "\n";
  for (const std::string_view name : kPciFiles) {
    auto value = root.read_word(folder + "/" + std::string(name));
    if (!value) continue;
    std::ranges::replace(*value, '\n', ' ');
    text += fmt::format("  {:<20} {}\n", name, printable(*value, 1000));
  }
  return text;
}

std::string node_line(const host::Root& root, const std::string& path) {
  const auto entry = root.lstat(path);
  if (!entry) return fmt::format("{}  {}\n", path, entry.error().text);
  std::string text =
      fmt::format("{}  mode {:o}  owner {}:{}", path, entry->st_mode & 07777U,
                  entry->st_uid, entry->st_gid);
  if (S_ISCHR(entry->st_mode)) {
    text += fmt::format("  numbers {}:{}", major(entry->st_rdev),
                        minor(entry->st_rdev));
  } else if (S_ISLNK(entry->st_mode)) {
    text += "  → " + root.read_link(path).value_or("?");
  }
  return text + "\n";
}

std::string list_folder(const host::Root& root, const std::string& folder,
                        bool (*wanted)(std::string_view name)) {
  const auto names = root.list(folder);
  if (!names) return {};
  std::string text = folder + ":\n";
  for (const std::string& name : *names) {
    if (wanted(name)) text += "  " + node_line(root, folder + "/" + name);
  }
  return text;
}

bool is_any(std::string_view /*name*/) { return true; }

std::string program_line(const DeviceProgram& program) {
  std::string denies = "what it denies could not be read";
  if (program.denies) {
    denies = program.denies->empty() ? "denies none of its nodes" : "denies";
    for (const std::string& node : *program.denies) denies += " " + node;
  }
  return fmt::format("  program {} {} of {} on {}: {}\n", program.id,
                     program.name, program.owner, program.cgroup, denies);
}

std::string container_text(const host::Host& host, const Container& container) {
  std::string text =
      fmt::format("container {} ({})\n  cgroup {} (v{})\n",
                  printable(container.label), container.runtime,
                  printable(container.cgroup), container.cgroup_v2 ? 2 : 1);
  for (const NodeAccess& node : container.nodes) {
    text += fmt::format(
        "  node {} {}:{} {}: {}{}\n", printable(node.grant.path),
        node.grant.major_number, node.grant.minor_number, node.grant.access,
        name_of(node.now), node.why.empty() ? "" : " (" + node.why + ")");
  }
  for (const DeviceProgram& program : container.programs) {
    text += program_line(program);
  }
  if (container.policy) {
    text += fmt::format("  systemd's policy of {}: {}\n",
                        container.policy->unit, container.policy->policy);
    for (const std::string& entry : container.policy->allow) {
      text += "    allows " + entry + "\n";
    }
  }
  if (container.cgroup_v2) return text;
  if (const auto list = containers::read_devices_list(host, container)) {
    for (const std::string& entry : *list) text += "  list: " + entry + "\n";
  }
  return text;
}

std::string firmware_of(const Gpu& gpu) {
  static constexpr std::string_view kFields[] = {
      field::kName,         field::kPciBusId,   field::kBoardPart,
      field::kVbios,        field::kGspVersion, field::kGspMode,
      field::kInforomImage, field::kInforomOem, field::kInforomEcc,
      field::kInforomPower};
  std::string text = fmt::format("GPU {}\n", gpu.index);
  for (const std::string_view name : kFields) {
    const Reading& from = reading(gpu, name);
    const bool is_value = from.state == Reading::State::value;
    text += fmt::format("  {:<24} {}\n", name,
                        is_value ? to_text(from.value)
                        : from.state == Reading::State::unsupported
                            ? "not supported"
                            : "not known: " + from.why);
  }
  return text;
}

}  // namespace

Pieces collect_pci_devices(const Job& job) {
  const host::Root& root = job.host.evidence;
  const auto addresses = root.list(kPci);
  if (!addresses) return {{}, {{"pci.txt", in_words(addresses.error())}}};
  std::string text;
  for (const std::string& address : *addresses) {
    text += pci_device(root, address);
  }
  return {{{"pci.txt", std::move(text)}}, {}};
}

Pieces collect_device_nodes(const Job& job) {
  const host::Root& root = job.host.evidence;
  std::string text;
  for (const std::string& folder :
       evidence::node_folders(job.host.driver_root)) {
    text += list_folder(root, folder, [](std::string_view name) {
      return evidence::is_nvidia_name(name) || name.starts_with("nvidia");
    });
  }
  text += list_folder(root, "/dev/char", is_any);
  text += list_folder(root, "/dev/dri", is_any);
  return {{{"device-nodes.txt", std::move(text)}}, {}};
}

Pieces collect_device_cgroups(const Job& job) {
  std::string text;
  for (const Container& container : job.seen.gathered.containers) {
    text += container_text(job.host, container);
  }
  if (text.empty()) text = "no container has NVIDIA devices\n";
  return {{{"device-cgroups.txt", std::move(text)}}, {}};
}

Pieces collect_firmware(const Job& job) {
  std::string text;
  for (const Gpu& gpu : job.seen.snapshot.gpus) text += firmware_of(gpu);
  if (text.empty()) text = "NVML told of no GPU\n";
  const host::Root& root = job.host.evidence;
  for (const std::string& path : expand(root, "/lib/firmware/nvidia/*/*")) {
    const auto entry = root.lstat(path);
    if (!entry || !S_ISREG(entry->st_mode)) continue;
    text += fmt::format("{}  {} bytes\n", path, entry->st_size);
  }
  return {{{"firmware.txt", std::move(text)}}, {}};
}

}  // namespace gpuward::bundle
