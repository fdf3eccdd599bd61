// /sys: the module and the PCI devices.
#include <fmt/core.h>

#include "sim/engine/kernel_log.h"
#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

constexpr uint32_t kDataCentreClass = 0x030200;  // 3D controller
constexpr uint32_t kDisplayClass = 0x030000;     // VGA controller

struct PciDevice {
  std::string address;
  uint32_t device, subsystem, device_class;
  int numa_node;
  std::string driver;
};

std::string home_of(const PciDevice& device) {
  // "0000:0f:00.0" hangs below a bridge of its own root, pci0000:0f.
  return fmt::format("/sys/devices/pci{}/{}", device.address.substr(0, 7),
                     device.address);
}

Result<void> render_device(const PciDevice& device, const Tree& root) {
  const std::string home = home_of(device);
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
    TRY_VOID(root.link(home + "/driver",
                       "../../../bus/pci/drivers/" + device.driver));
    TRY_VOID(root.link(driver + "/" + device.address,
                       "../../../.." + home.substr(4)));
  }
  return root.link("/sys/bus/pci/devices/" + device.address,
                   "../../.." + home.substr(4));
}

PciDevice of_gpu(const Scenario& scenario, const sim_gpu& gpu) {
  const bool data_centre = gpu.inforom_image[0] != 0;
  return {sysfs_address(gpu), gpu.pci_device,
          gpu.pci_subsystem,  data_centre ? kDataCentreClass : kDisplayClass,
          gpu.numa_node,      scenario.loaded ? "nvidia" : ""};
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
  for (const sim_gpu& gpu : scenario.gpus) {
    TRY_VOID(render_device(of_gpu(scenario, gpu), root));
  }
  // A bridge and a disk, so that a search has something to leave out.
  TRY_VOID(render_device(
      {"0000:00:01.0", 0x09a28086, 0x00008086, 0x060400, 0, "pcieport"}, root));
  TRY_VOID(render_device(
      {"0000:00:17.0", 0xa808144d, 0xa801144d, 0x010802, 0, "nvme"}, root));
  return render_module(scenario, root);
}

}  // namespace gpuward::simulator
