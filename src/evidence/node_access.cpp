#include "evidence/node_access.h"

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "node-access";
constexpr std::string_view kControl = "/dev/nvidiactl";
constexpr std::string_view kUvmNode = "/dev/nvidia-uvm";
constexpr mode_t kPermissions = 0777;

void add_mode(Collected& out, const host::Root& root) {
  const auto status = root.lstat(kControl);
  // A regular file stands in for a node in a tree that is no machine's.
  if (!status || !S_ISCHR(status->st_mode)) return;
  const std::string mode =
      fmt::format("{:04o}", status->st_mode & kPermissions);
  out.evidence.push_back(node_fact(kSource, fact::kGpuNodeMode, mode,
                                   fmt::format("mode {} of {}", mode, kControl),
                                   std::string(kControl)));
}

std::string state_of_uvm(const host::Root& root,
                         std::optional<int64_t> registered) {
  const auto status = root.lstat(kUvmNode);
  if (!status || !registered) return "absent";
  const bool other =
      S_ISCHR(status->st_mode) &&
      static_cast<int64_t>(major(status->st_rdev)) != *registered;
  return other ? "wrong major" : "present";
}

void add_uvm(Collected& out, const host::Root& root) {
  // Without the driver's own module there is nothing to say about this one.
  if (!root.exists("/sys/module/nvidia")) return;
  const auto devices = root.read("/proc/devices");
  if (!devices) {
    out.gaps.push_back(gap_of(kSource, devices.error()));
    return;
  }
  const auto registered = character_major(*devices, "nvidia-uvm");
  const std::string state = state_of_uvm(root, registered);
  std::string text = "nvidia-uvm: " + state;
  if (registered && state == "wrong major") {
    text += fmt::format(", the driver registered {}", *registered);
  }
  out.evidence.push_back(node_fact(kSource, fact::kUvm, state, std::move(text),
                                   std::string(kUvmNode)));
}

}  // namespace

std::optional<int64_t> character_major(std::string_view proc_devices,
                                       std::string_view name) {
  for (const std::string_view line : split(proc_devices, '\n')) {
    if (line.starts_with("Block devices")) break;
    const auto parts = words(line);
    if (parts.size() == 2 && parts[1] == name) {
      return to_number<int64_t>(parts[0]);
    }
  }
  return std::nullopt;
}

Collected collect_node_access(const host::Host& host) {
  Collected out;
  add_mode(out, host.evidence);
  add_uvm(out, host.evidence);
  return out;
}

}  // namespace gpuward::evidence
