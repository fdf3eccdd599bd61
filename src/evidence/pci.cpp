#include "evidence/pci.h"

#include <fmt/core.h>

#include "base/text.h"
#include "evidence/gpu_models.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "pci";
constexpr std::string_view kNvidia = "0x10de";
constexpr std::string_view kDevices = "/sys/bus/pci/devices";

// The class is 0xCCSSPP: class, subclass, programming interface.
bool is_gpu(std::string_view device_class) {
  return device_class.starts_with("0x0300") ||
         device_class.starts_with("0x0302");
}

bool is_switch(std::string_view device_class) {
  return device_class.starts_with("0x0680");
}

std::string driver_of(const host::Root& root, const std::string& device) {
  const auto link = root.read_link(device + "/driver");
  if (!link) return "none";
  return link->substr(link->rfind('/') + 1);
}

std::string in_words_of_gpu(const host::Root& root, const std::string& device,
                            std::string_view driver) {
  std::string text =
      driver == "none" ? "no driver bound" : fmt::format("bound to {}", driver);
  const auto node = root.read_word(device + "/numa_node");
  if (node && !node->starts_with('-')) text += ", NUMA node " + *node;
  return text;
}

void add_gpu(Collected& out, const host::Root& root, const std::string& name,
             const std::string& device) {
  const std::string address = to_lower(name);
  const std::string driver = driver_of(root, device);
  out.evidence.push_back(gpu_fact(kSource, address, fact::kPciDriver, driver,
                                  in_words_of_gpu(root, device, driver)));
  const auto id = root.read_word(device + "/device");
  if (!id || !id->starts_with("0x")) return;
  const auto number = to_number<int>(std::string_view(*id).substr(2), 16);
  const std::string model(model_of_pci_id(number.value_or(0)));
  if (model.empty()) return;
  out.evidence.push_back(
      gpu_fact(kSource, address, fact::kGpu, model,
               fmt::format("{} by its PCI id {}", model, *id)));
}

}  // namespace

Collected collect_pci(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  const auto names = root.list(kDevices);
  if (!names) {
    // A machine without PCI has /sys and no such folder.
    if (names.error().kind != Error::Kind::not_found ||
        !root.exists("/sys/bus")) {
      out.gaps.push_back(gap_of(kSource, names.error()));
      return out;
    }
  }
  int64_t gpus = 0;
  int64_t switches = 0;
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    const std::string device = fmt::format("{}/{}", kDevices, name);
    const auto vendor = root.read_word(device + "/vendor");
    if (!vendor || *vendor != kNvidia) continue;
    const auto device_class = root.read_word(device + "/class");
    if (!device_class) {
      out.gaps.push_back(gap_of(kSource, device_class.error()));
      continue;
    }
    if (is_switch(*device_class)) ++switches;
    if (!is_gpu(*device_class)) continue;
    ++gpus;
    add_gpu(out, root, name, device);
  }
  std::string text =
      fmt::format("{} NVIDIA GPU{} on the PCI bus", gpus, gpus == 1 ? "" : "s");
  if (switches > 0) text += fmt::format(", {} NVSwitches", switches);
  out.evidence.push_back(
      node_fact(kSource, fact::kPciGpus, gpus, std::move(text)));
  out.evidence.push_back(
      node_fact(kSource, fact::kNvswitches, switches,
                fmt::format("{} NVSwitch{} on the PCI bus", switches,
                            switches == 1 ? "" : "es")));
  return out;
}

Result<std::vector<std::string>> gpu_addresses(const host::Root& root) {
  std::vector<std::string> out;
  for (const std::string& name : TRY(root.list(kDevices))) {
    const std::string device = fmt::format("{}/{}", kDevices, name);
    const auto vendor = root.read_word(device + "/vendor");
    const auto device_class = root.read_word(device + "/class");
    if (vendor && *vendor == kNvidia && device_class && is_gpu(*device_class)) {
      out.push_back(to_lower(name));
    }
  }
  return out;
}

}  // namespace gpuward::evidence
