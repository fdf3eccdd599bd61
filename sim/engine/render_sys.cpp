// /sys: the module and the PCI devices.
#include <fmt/core.h>

#include <algorithm>

#include "sim/engine/kernel_log.h"
#include "sim/engine/pci_tree.h"
#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

constexpr uint32_t kDataCentreClass = 0x030200;  // 3D controller
constexpr uint32_t kDisplayClass = 0x030000;     // VGA controller

constexpr uint32_t kBridgeClass = 0x060400;

constexpr uint32_t kRootPort = 0x352a8086;    // of an Intel processor
constexpr uint32_t kSwitchPort = 0xc0301000;  // of a Broadcom switch

struct PciDevice {
  std::string address;
  std::string above;  // "pci0000:0c", then the bridges
  uint32_t device, subsystem, device_class;
  int numa_node;
  std::string driver;
};

std::string up(size_t folders) {
  std::string out;
  for (size_t i = 0; i < folders; ++i) out += "../";
  return out;
}

Result<void> render_device(const PciDevice& device, const Tree& root) {
  const std::string home =
      fmt::format("/sys/devices/{}/{}", device.above, device.address);
  const auto put = [&](std::string_view name, const std::string& text) {
    return root.file(fmt::format("{}/{}", home, name), text + "\n");
  };
  TRY_VOID(put("vendor", fmt::format("0x{:04x}", device.device & 0xffff)));
  TRY_VOID(put("device", fmt::format("0x{:04x}", device.device >> 16)));
  TRY_VOID(put("subsystem_vendor",
               fmt::format("0x{:04x}", device.subsystem & 0xffff)));
  TRY_VOID(
      put("subsystem_device", fmt::format("0x{:04x}", device.subsystem >> 16)));
  TRY_VOID(put("class", fmt::format("0x{:06x}", device.device_class)));
  TRY_VOID(put("revision", "0xa1"));
  TRY_VOID(put("numa_node", std::to_string(device.numa_node)));
  TRY_VOID(put("enable", "1"));
  TRY_VOID(put("irq", "16"));
  TRY_VOID(put(
      "uevent",
      fmt::format("DRIVER={}\nPCI_CLASS={:X}\nPCI_ID={:04X}:{:04X}\n"
                  "PCI_SLOT_NAME={}",
                  device.driver, device.device_class, device.device & 0xffff,
                  device.device >> 16, device.address)));
  if (!device.driver.empty()) {
    const std::string driver = "/sys/bus/pci/drivers/" + device.driver;
    const auto depth = static_cast<size_t>(std::ranges::count(home, '/'));
    TRY_VOID(root.link(home + "/driver",
                       up(depth - 1) + "bus/pci/drivers/" + device.driver));
    TRY_VOID(root.link(driver + "/" + device.address,
                       "../../../.." + home.substr(4)));
  }
  return root.link("/sys/bus/pci/devices/" + device.address,
                   "../../.." + home.substr(4));
}

PciDevice of_gpu(const Scenario& scenario, const sim_gpu& gpu,
                 const std::string& above) {
  const bool data_centre = gpu.inforom_image[0] != 0;
  return {.address = sysfs_address(gpu),
          .above = above,
          .device = gpu.pci_device,
          .subsystem = gpu.pci_subsystem,
          .device_class = data_centre ? kDataCentreClass : kDisplayClass,
          .numa_node = gpu.numa_node,
          .driver = scenario.loaded ? "nvidia" : ""};
}

PciDevice of_bridge(const PciBridge& bridge) {
  const bool is_port = bridge.kind == PciBridge::Kind::root_port;
  return {.address = bridge.address,
          .above = bridge.above,
          .device = is_port ? kRootPort : kSwitchPort,
          .subsystem = is_port ? kRootPort : kSwitchPort,
          .device_class = kBridgeClass,
          .numa_node = bridge.numa_node,
          .driver = "pcieport"};
}

Result<void> render_pci(const Scenario& scenario, const Tree& root) {
  const PciTree tree = pci_tree(scenario);
  for (size_t i = 0; i < scenario.gpus.size(); ++i) {
    TRY_VOID(
        render_device(of_gpu(scenario, scenario.gpus[i], tree.above[i]), root));
  }
  for (const PciBridge& bridge : tree.bridges) {
    TRY_VOID(render_device(of_bridge(bridge), root));
  }
  // A disk, so that a search has something else to leave out.
  return render_device({.address = "0000:00:17.0",
                        .above = "pci0000:00",
                        .device = 0xa808144d,
                        .subsystem = 0xa801144d,
                        .device_class = 0x010802,
                        .numa_node = 0,
                        .driver = "nvme"},
                       root);
}

Result<void> render_module(const Scenario& scenario, const Tree& root) {
  if (!scenario.loaded) return {};
  for (const std::string_view name :
       {"nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm"}) {
    const std::string base = fmt::format("/sys/module/{}/", name);
    TRY_VOID(root.file(base + "version", scenario.driver + "\n"));
    TRY_VOID(root.file(base + "initstate", "live\n"));
    TRY_VOID(root.file(base + "refcnt", "12\n"));
    TRY_VOID(root.file(base + "srcversion", "1A6E8C2B4D9F0A7C5E3B2D1\n"));
    TRY_VOID(
        root.file(base + "taint", scenario.open_module ? "OE\n" : "POE\n"));
  }
  return {};
}

}  // namespace

Result<void> render_sys(const Scenario& scenario, const Tree& root) {
  TRY_VOID(root.directory("/sys/bus/pci/devices"));
  TRY_VOID(root.directory("/sys/module"));
  TRY_VOID(root.directory("/sys/fs/cgroup"));
  TRY_VOID(root.file("/sys/fs/cgroup/cgroup.controllers",
                     "cpuset cpu io memory hugetlb pids rdma misc\n"));
  TRY_VOID(render_pci(scenario, root));
  return render_module(scenario, root);
}

}  // namespace gpuward::simulator
