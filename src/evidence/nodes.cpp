#include "evidence/nodes.h"

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "nodes";

bool is_gpu_node(std::string_view name) {
  return name.starts_with("nvidia") && name.size() > 6 &&
         std::ranges::all_of(name.substr(6),
                             [](char c) { return c >= '0' && c <= '9'; });
}

// A node with a wrong major is of no use; a regular file stands in for a node
// in a tree that is no machine's.
bool has_other_major(const host::Root& root, const std::string& path,
                     std::optional<int64_t> registered) {
  const auto status = root.lstat(path);
  return status && S_ISCHR(status->st_mode) && registered &&
         static_cast<int64_t>(major(status->st_rdev)) != *registered;
}

Evidence count_nodes(const host::Root& root,
                     const std::vector<std::string>& names,
                     std::optional<int64_t> registered) {
  int64_t nodes = 0;
  std::string wrong;
  for (const std::string& name : names) {
    if (!is_gpu_node(name)) continue;
    ++nodes;
    if (has_other_major(root, "/dev/" + name, registered)) wrong += " " + name;
  }
  std::string text =
      fmt::format("{} node{} /dev/nvidiaN", nodes, nodes == 1 ? "" : "s");
  const bool control = std::ranges::find(names, "nvidiactl") != names.end();
  if (!control && nodes > 0) text += ", /dev/nvidiactl missing";
  if (!wrong.empty()) {
    text += fmt::format(", another major than {} at{}", registered.value_or(0),
                        wrong);
  }
  return node_fact(kSource, fact::kDeviceNodes, nodes, std::move(text));
}

// MIG instances by the nodes that were made for them: what is known of MIG
// while NVML hangs. The nodes outlive the instances, so their absence says
// nothing, and NVML's own word counts more.
void add_mig(Collected& out, const host::Root& root, size_t gpus) {
  const auto names = root.list("/dev/nvidia-caps");
  if (!names) return;
  std::set<int> with_instances;
  for (const std::string_view name : *names) {
    constexpr std::string_view kPrefix = "nvidia-cap";
    if (!name.starts_with(kPrefix)) continue;
    const auto minor_number = to_number<int>(name.substr(kPrefix.size()));
    if (!minor_number) continue;
    if (const auto gpu = gpu_of_cap(*minor_number)) with_instances.insert(*gpu);
  }
  if (with_instances.empty() || gpus < with_instances.size()) return;
  out.evidence.push_back(node_fact(
      kSource, fact::kMig, with_instances.size() < gpus ? "mixed" : "all",
      fmt::format("nodes of MIG instances for {} of {} GPUs",
                  with_instances.size(), gpus),
      "/dev/nvidia-caps"));
}

}  // namespace

std::optional<int> gpu_of_cap(int minor) {
  // config 1, monitor 2; then for each GPU 15 GPU instances, each with one
  // minor of its own and eight for its compute instances.
  constexpr int kFirst = 3;
  constexpr int kPerGpu = 15 * (1 + 8);
  if (minor < kFirst) return std::nullopt;
  return (minor - kFirst) / kPerGpu;
}

std::optional<int64_t> nvidia_major(std::string_view devices) {
  for (const std::string_view line : split(devices, '\n')) {
    if (line.starts_with("Block devices")) break;
    const auto fields = words(line);
    if (fields.size() == 2 &&
        (fields[1] == "nvidia" || fields[1] == "nvidia-frontend")) {
      return to_number<int64_t>(fields[0]);
    }
  }
  return std::nullopt;
}

Collected collect_nodes(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  std::optional<int64_t> registered;
  if (const auto devices = root.read("/proc/devices")) {
    registered = nvidia_major(*devices);
  } else {
    out.gaps.push_back(gap_of(kSource, devices.error()));
  }
  if (registered) {
    out.evidence.push_back(
        node_fact(kSource, fact::kDeviceMajor, *registered,
                  fmt::format("the driver registered major {}", *registered),
                  "/proc/devices"));
  }
  if (const auto names = root.list("/dev")) {
    out.evidence.push_back(count_nodes(root, *names, registered));
    add_mig(out, root,
            static_cast<size_t>(std::ranges::count_if(*names, is_gpu_node)));
  } else {
    out.gaps.push_back(gap_of(kSource, names.error()));
  }
  return out;
}

}  // namespace gpuward::evidence
