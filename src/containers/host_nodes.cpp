#include "containers/host_nodes.h"

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "host/task.h"
#include "model/fields.h"
#include "model/json.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSource = "containers";
// Assigned in the kernel's list of devices, to nvidia alone.
constexpr unsigned kNvidiaMajor = 195;
constexpr unsigned kControlMinor = 255;
constexpr unsigned kModesetMinor = 254;
constexpr size_t kMaxSnapshot = 16 << 20;

constexpr std::string_view kDev = "/dev/";
constexpr std::string_view kGpuPrefix = "/dev/nvidia";

std::optional<unsigned> gpu_number(std::string_view path) {
  if (!path.starts_with(kGpuPrefix)) return std::nullopt;
  return to_number<unsigned>(path.substr(kGpuPrefix.size()));
}

struct Majors {
  std::set<unsigned> nvidia{kNvidiaMajor};
  std::set<unsigned> others;
  std::optional<unsigned> uvm;
};

Majors parse_majors(std::string_view proc_devices) {
  Majors out;
  for (const std::string_view line : split(proc_devices, '\n')) {
    if (line.starts_with("Block devices")) break;
    const auto fields = words(line);
    if (fields.size() != 2) continue;
    const auto number = to_number<unsigned>(fields[0]);
    if (!number) continue;
    const bool is_nvidia = fields[1].starts_with("nvidia");
    (is_nvidia ? out.nvidia : out.others).insert(*number);
    if (fields[1] == "nvidia-uvm") out.uvm = *number;
  }
  return out;
}

// In a tree that is no machine's a regular file stands in for a node; its
// number is the one that the driver gives.
std::optional<DeviceNumber> usual_number(std::string_view path,
                                         const Majors& majors) {
  if (const auto minor_number = gpu_number(path)) {
    return DeviceNumber{kNvidiaMajor, *minor_number};
  }
  if (path == "/dev/nvidiactl") {
    return DeviceNumber{kNvidiaMajor, kControlMinor};
  }
  if (path == "/dev/nvidia-modeset") {
    return DeviceNumber{kNvidiaMajor, kModesetMinor};
  }
  if (!majors.uvm) return std::nullopt;
  if (path == "/dev/nvidia-uvm") return DeviceNumber{*majors.uvm, 0};
  if (path == "/dev/nvidia-uvm-tools") return DeviceNumber{*majors.uvm, 1};
  return std::nullopt;
}

std::optional<DeviceNumber> number_at(const host::Root& root,
                                      const std::string& path,
                                      const Majors& majors) {
  const auto status = root.lstat(path);
  if (!status) return std::nullopt;
  if (S_ISCHR(status->st_mode)) {
    return DeviceNumber{major(status->st_rdev), minor(status->st_rdev)};
  }
  if (S_ISREG(status->st_mode) && !root.is_machine()) {
    return usual_number(path, majors);
  }
  return std::nullopt;
}

std::vector<std::string> nvidia_paths(const host::Root& root,
                                      std::vector<Gap>& gaps) {
  std::vector<std::string> paths;
  const auto names = root.list("/dev");
  if (!names) {
    if (names.error().kind != Error::Kind::not_found) {
      gaps.push_back({std::string(kSource), names.error().text});
    }
    return paths;
  }
  for (const std::string& name : *names) {
    if (name.starts_with("nvidia")) paths.push_back(std::string(kDev) + name);
  }
  for (const std::string_view folder :
       {"/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels"}) {
    const auto inner = root.list(folder);
    if (!inner) continue;
    for (const std::string& name : *inner) {
      paths.push_back(fmt::format("{}/{}", folder, name));
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::vector<KnownGpu> gpus_of_snapshot(const host::Host& host) {
  const auto text =
      host.self.read(host.run_dir + "/snapshot.json", kMaxSnapshot);
  if (!text) return {};
  const auto json = Json::parse(*text);
  if (!json) return {};
  const auto snapshot = snapshot_from_json(*json);
  const auto boot_id = host::boot_id_of(host.evidence);
  // Of another boot, or another machine: minors may have moved.
  if (!snapshot || !boot_id || snapshot->boot_id != *boot_id) return {};
  std::vector<KnownGpu> out;
  for (const Gpu& gpu : snapshot->gpus) {
    const Reading& number = reading(gpu, field::kMinor);
    const Reading& uuid = reading(gpu, field::kUuid);
    const auto* value = std::get_if<int64_t>(&number.value);
    if (number.state != Reading::State::value || value == nullptr ||
        *value < 0 || *value > int64_t{kMaxMinor}) {
      continue;
    }
    KnownGpu known{gpu.index, static_cast<unsigned>(*value), "", {}};
    const auto* name = std::get_if<std::string>(&uuid.value);
    if (uuid.state == Reading::State::value && name != nullptr) {
      known.uuid = *name;
    }
    for (const MigDevice& mig : gpu.mig.items) {
      known.mig_uuids.push_back(mig.uuid);
    }
    out.push_back(std::move(known));
  }
  return out;
}

Result<NamedGpu> by_minor(const HostNodes& host, unsigned minor_number,
                          bool is_mig) {
  const std::string path = fmt::format("/dev/nvidia{}", minor_number);
  const HostNode* node = host.find(path);
  if (node == nullptr) {
    return fail(Error::Kind::not_found, "the host has no " + path);
  }
  return NamedGpu{*node, is_mig};
}

Result<NamedGpu> by_index(const HostNodes& host, int index, bool is_mig,
                          bool may_guess) {
  if (!host.gpus.empty()) {
    const auto found = std::ranges::find(host.gpus, index, &KnownGpu::index);
    if (found == host.gpus.end()) {
      return fail(Error::Kind::not_found,
                  fmt::format("NVML knows no GPU {}", index));
    }
    return by_minor(host, found->minor_number, is_mig);
  }
  const auto nodes = host.gpu_nodes();
  std::set<unsigned> minors;
  for (const HostNode& node : nodes) minors.insert(node.number.minor_number);
  // NVML counts by the bus, the driver as it comes: mostly the same.
  const bool is_whole = !minors.empty() && *minors.begin() == 0 &&
                        *minors.rbegin() == minors.size() - 1 &&
                        (may_guess || minors.size() == 1);
  if (!is_whole) {
    return fail(Error::Kind::unsupported,
                fmt::format("which node GPU {} has is known to NVML alone, "
                            "and no snapshot of this boot says it",
                            index));
  }
  return by_minor(host, static_cast<unsigned>(index), is_mig);
}

Result<NamedGpu> by_uuid(const HostNodes& host, std::string_view uuid) {
  const bool is_mig = uuid.starts_with("MIG-");
  constexpr std::string_view kOldMig = "MIG-GPU-";
  std::string_view of_gpu = uuid;
  if (uuid.starts_with(kOldMig)) {
    of_gpu = uuid.substr(4, uuid.find('/') - 4);
  }
  for (const KnownGpu& gpu : host.gpus) {
    const bool has_it =
        std::ranges::find(gpu.mig_uuids, uuid) != gpu.mig_uuids.end();
    if (has_it || (!gpu.uuid.empty() && gpu.uuid == of_gpu)) {
      return by_minor(host, gpu.minor_number, is_mig);
    }
  }
  return fail(Error::Kind::unsupported,
              host.gpus.empty()
                  ? "which node it has is known to NVML alone, and no snapshot "
                    "of this boot says it"
                  : "no GPU of the newest snapshot has this UUID");
}

}  // namespace

const HostNode* HostNodes::find(std::string_view path) const {
  const auto found = std::ranges::find(nodes, path, &HostNode::path);
  return found == nodes.end() ? nullptr : &*found;
}

std::vector<HostNode> HostNodes::gpu_nodes() const {
  std::vector<HostNode> out;
  for (const HostNode& node : nodes) {
    if (gpu_number(node.path)) out.push_back(node);
  }
  return out;
}

bool is_nvidia_path(std::string_view path) {
  constexpr std::string_view kCaps = "/dev/nvidia-caps/";
  constexpr std::string_view kChannels = "/dev/nvidia-caps-imex-channels/";
  if (!path.starts_with(kGpuPrefix) || path.size() == kGpuPrefix.size()) {
    return false;
  }
  return path.rfind('/') == kDev.size() - 1 || path.starts_with(kCaps) ||
         path.starts_with(kChannels);
}

HostNodes read_host_nodes(const host::Host& host, std::vector<Gap>& gaps) {
  const auto text = host.evidence.read("/proc/devices");
  if (!text) gaps.push_back({std::string(kSource), text.error().text});
  Majors majors = parse_majors(text.value_or(""));
  HostNodes out;
  for (const std::string& path : nvidia_paths(host.evidence, gaps)) {
    const auto number = number_at(host.evidence, path, majors);
    // A node that the driver's last load left behind may by now have a number
    // of somebody else's.
    if (!number || majors.others.contains(number->major_number)) continue;
    majors.nvidia.insert(number->major_number);
    out.nodes.push_back({path, *number});
  }
  out.majors = std::move(majors.nvidia);
  out.gpus = gpus_of_snapshot(host);
  return out;
}

Result<NamedGpu> find_gpu(const HostNodes& host, std::string_view name,
                          bool may_guess) {
  if (const auto index = to_number<int>(name); index && *index >= 0) {
    return by_index(host, *index, false, may_guess);
  }
  if (const size_t colon = name.find(':'); colon != std::string_view::npos) {
    const auto gpu = to_number<int>(name.substr(0, colon));
    if (gpu && *gpu >= 0) return by_index(host, *gpu, true, may_guess);
  }
  if (name.starts_with("GPU-") || name.starts_with("MIG-")) {
    return by_uuid(host, name);
  }
  return fail(Error::Kind::malformed, "no name of a GPU");
}

}  // namespace gpuward::containers
