#include "host/law.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace gpuward::host {
namespace {

constexpr std::string_view kDriverFile =
    "its reader takes the driver's power lock";
constexpr std::string_view kTaskFile =
    "it waits for the memory lock of a task that may be stuck";
constexpr std::string_view kPciFile = "it reads the device over the bus";
constexpr std::string_view kDebugFile = "its reader runs driver code";
constexpr std::string_view kNode = "opening it runs the driver";

bool is_task_file(std::string_view path) {
  if (!path.starts_with("/proc/")) return false;
  const auto parts = split(path.substr(6), '/');
  if (parts.size() < 2 || parts[0].empty()) return false;
  const bool is_task = std::ranges::all_of(
      parts[0], [](char c) { return c >= '0' && c <= '9'; });
  if (!is_task) return false;
  static constexpr std::array<std::string_view, 11> kNames = {
      "cmdline",      "environ",   "maps",     "smaps",
      "smaps_rollup", "numa_maps", "mem",      "auxv",
      "clear_refs",   "pagemap",   "map_files"};
  return std::ranges::find(kNames, parts.back()) != kNames.end();
}

bool is_pci_file(std::string_view path) {
  // Arm servers hang the host bridge below a platform device.
  const bool is_pci = path.starts_with("/sys/bus/pci/devices/") ||
                      (path.starts_with("/sys/devices/") &&
                       path.find("/pci") != std::string_view::npos);
  if (!is_pci) return false;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name == "config" || name == "rom" || name == "vpd" ||
         name.starts_with("resource") || name.starts_with("current_link_") ||
         name.starts_with("max_link_");
}

bool is_device_node(std::string_view path) {
  // Directories, kept on devtmpfs.
  if (path == "/dev/nvidia-caps" || path == "/dev/nvidia-caps-imex-channels") {
    return false;
  }
  return path.starts_with("/dev/nvidia") && path.size() > 11;
}

}  // namespace

std::optional<std::string_view> why_it_may_block(std::string_view path) {
  if (path.starts_with("/proc/driver/nvidia")) return kDriverFile;
  if (is_task_file(path)) return kTaskFile;
  if (is_pci_file(path)) return kPciFile;
  if (path.starts_with("/sys/kernel/debug/")) return kDebugFile;
  if (is_device_node(path)) return kNode;
  return std::nullopt;
}

}  // namespace gpuward::host
