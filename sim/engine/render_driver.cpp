// /proc/driver/nvidia, which in the real world only the prober reads.
#include <fmt/core.h>

#include "sim/engine/kernel_log.h"
#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

constexpr std::string_view kParams =
    R"(ResmanDebugLevel: 4294967295
RmLogonRC: 1
ModifyDeviceFiles: 1
DeviceFileUID: 0
DeviceFileGID: 0
DeviceFileMode: 438
InitializeSystemMemoryAllocations: 1
UsePageAttributeTable: 4294967295
EnableMSI: 1
EnablePCIeGen3: 0
MemoryPoolSize: 0
KMallocHeapMaxSize: 0
VMallocHeapMaxSize: 0
IgnoreMMIOCheck: 0
EnableStreamMemOPs: 0
EnableUserNUMAManagement: 1
NvLinkDisable: 0
RmProfilingAdminOnly: 1
PreserveVideoMemoryAllocations: 0
EnableS0ixPowerManagement: 0
DynamicPowerManagement: 3
DynamicPowerManagementVideoMemoryThreshold: 200
RegisterPCIDriver: 1
EnablePCIERelaxedOrderingMode: 0
EnableResizableBar: 0
EnableGpuFirmware: 18
EnableGpuFirmwareLogs: 2
RmNvlinkBandwidthLinkCount: 0
EnableDbgBreakpoint: 0
OpenRmEnableUnsupportedGpus: 1
DmaRemapPeerMmio: 1
ImexChannelCount: 2048
CreateImexChannel0: 0
GrdmaPciTopoCheckOverride: 0
RegistryDwords: ""
RegistryDwordsPerDevice: ""
RmMsg: ""
GpuBlacklist: ""
TemporaryFilePath: ""
ExcludedGpus: ""
)";

std::string version_text(const Scenario& scenario) {
  const std::string module =
      scenario.open_module
          ? fmt::format(
                "NVIDIA UNIX Open Kernel Module for x86_64  {}  Release "
                "Build  (dvs-builder@U22-I3-AM24-14-4)  Wed Jun 11 "
                "21:30:11 UTC 2025",
                scenario.driver)
          : fmt::format(
                "NVIDIA UNIX x86_64 Kernel Module  {}  Sun May 12 "
                "19:39:15 UTC 2024",
                scenario.driver);
  return "NVRM version: " + module +
         "\nGCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n";
}

std::string gpu_text(const sim_gpu& gpu) {
  return fmt::format(
      "Model: \t\t {}\nIRQ:   \t\t {}\nGPU UUID: \t {}\nVideo BIOS: \t {}\n"
      "Bus Type: \t PCIe\nDMA Size: \t 52 bits\nDMA Mask: \t 0xfffffffffffff\n"
      "Bus Location: \t {}\nDevice Minor: \t {}\nGPU Firmware: \t {}\n"
      "GPU Excluded:\t No\n",
      gpu.name, 180 + gpu.minor, gpu.uuid, gpu.vbios, sysfs_address(gpu),
      gpu.minor, gpu.gsp_version[0] != 0 ? gpu.gsp_version : "N/A");
}

// The list has "config" and "gpu0/gi1/access" for the folders "mig/config" and
// "gpu0/mig/gi1/access".
std::string name_in_list(std::string path) {
  const size_t mig = path.find("mig/");
  if (mig != std::string::npos) path.erase(mig, 4);
  return path;
}

}  // namespace

std::vector<Capability> capabilities(const Scenario& scenario) {
  // Minors 1 and 2 are config and monitor; each GPU owns a block after them.
  std::vector<Capability> out = {{"mig/config", 1}, {"mig/monitor", 2}};
  for (const sim_gpu& gpu : scenario.gpus) {
    const auto base = 3 + static_cast<unsigned>(gpu.minor) * 135;
    for (uint32_t i = 0; i < gpu.mig_count; ++i) {
      const sim_mig& mig = gpu.mig[i];
      const std::string place =
          fmt::format("gpu{}/mig/gi{}", gpu.minor, mig.gpu_instance);
      const unsigned minor = base + mig.gpu_instance * 9;
      out.push_back({place + "/access", minor});
      out.push_back({fmt::format("{}/ci{}/access", place, mig.compute_instance),
                     minor + 1 + mig.compute_instance});
    }
  }
  return out;
}

Result<void> render_driver(const Scenario& scenario, const Tree& root) {
  if (!scenario.loaded) return {};
  const std::string base = "/proc/driver/nvidia/";
  TRY_VOID(root.file(base + "version", version_text(scenario)));
  TRY_VOID(root.file(base + "params", kParams));
  TRY_VOID(root.file(base + "registry", "Binary: \"\"\n"));
  for (const sim_gpu& gpu : scenario.gpus) {
    TRY_VOID(root.file(base + "gpus/" + sysfs_address(gpu) + "/information",
                       gpu_text(gpu)));
  }
  std::string minors;
  for (const Capability& capability : capabilities(scenario)) {
    TRY_VOID(root.file(base + "capabilities/" + capability.path,
                       fmt::format("DeviceFileMinor: {}\nDeviceFileMode: 292\n"
                                   "DeviceFileModify: 1\n",
                                   capability.minor)));
    minors +=
        fmt::format("{} {}\n", name_in_list(capability.path), capability.minor);
  }
  return root.file("/proc/driver/nvidia-caps/mig-minors", minors);
}

}  // namespace gpuward::simulator
