#include "kubelet/plugin/answer.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace gpuward::kubelet::plugin {
namespace {

constexpr const char* kVisible = "NVIDIA_VISIBLE_DEVICES";
constexpr std::string_view kVolumes = "/var/run/nvidia-container-devices";
constexpr std::string_view kNull = "/dev/null";  // path: of a container
constexpr std::string_view kShm = "/dev/shm";    // path: of a container
// Handed out where they are there.
constexpr std::string_view kControls[] = {
    "/dev/nvidiactl",         // path: of a container
    "/dev/nvidia-uvm",        // path: of a container
    "/dev/nvidia-uvm-tools",  // path: of a container
    "/dev/nvidia-modeset",    // path: of a container
};

// As Go's filepath.Join.
std::string join(std::string_view root, std::string_view path) {
  const std::filesystem::path whole(std::string(root) + "/" +
                                    std::string(path));
  return whole.lexically_normal().string();
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ",") + word;
  }
  return out;
}

void add_once(std::vector<std::string>& list, const std::string& item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

using Devices = std::vector<const PluginDevice*>;

// The devices of one container, each once, in the order of the wish.
Result<Devices> find_devices(const Resource& resource,
                             const wire::DeviceIds& ids) {
  Devices out;
  std::set<std::string_view> seen;
  for (const std::string& id : ids) {
    if (!seen.insert(id).second) continue;
    const auto found =
        std::ranges::find(resource.devices, id, &PluginDevice::id);
    if (found == resource.devices.end()) {
      return fail(Error::Kind::malformed,
                  "invalid request: unknown device: " + id);
    }
    out.push_back(&*found);
  }
  return out;
}

Result<void> check(const AllocateInput& in, const Devices& devices) {
  const bool replicas = std::ranges::any_of(
      devices, [](const auto* device) { return device->is_replica; });
  if (replicas && devices.size() > 1 && in.settings.sharing.one_at_a_time) {
    return fail(Error::Kind::malformed,
                fmt::format("invalid request: maximum request size for shared "
                            "resources is 1; found {}",
                            devices.size()));
  }
  if (in.settings.allow_unhealthy) return {};
  if (!in.resource.problem.empty()) {
    return fail(Error::Kind::gone,
                fmt::format("no device of {} is handed out: {}",
                            in.resource.name, in.resource.problem));
  }
  for (const PluginDevice* device : devices) {
    if (is_healthy(in.health, device->uuid)) continue;
    return fail(Error::Kind::gone,
                fmt::format("device {} is unhealthy: {}", device->id,
                            reason_of(in.health, device->uuid)));
  }
  return {};
}

// What the container runtime is told: UUIDs or indices, each once.
std::vector<std::string> names_of(const Devices& devices, bool by_index) {
  std::vector<std::string> out;
  for (const PluginDevice* device : devices) {
    add_once(out, by_index ? device->index : device->uuid);
  }
  return out;
}

void add_cdi(const AllocateInput& in, const std::vector<std::string>& names,
             wire::Allocation& out) {
  std::vector<std::string> devices;
  for (const std::string& name : names) {
    devices.push_back(fmt::format("{}/{}={}", kCdiVendor, kCdiClass, name));
  }
  if (devices.empty()) return;
  if (in.settings.list.cdi_annotations) {
    out.annotations[in.settings.cdi_annotation_prefix +
                    "nvidia-device-plugin_" + in.make_uuid()] = joined(devices);
  }
  if (in.settings.list.cdi_cri) out.cdi_devices = std::move(devices);
}

void add_mps(const AllocateInput& in, wire::Allocation& out) {
  const std::string pipe = in.resource.name + "/pipe";
  const std::string inside = join("/mps", pipe);
  out.envs["CUDA_MPS_PIPE_DIRECTORY"] = inside;
  out.mounts.push_back({inside, join(in.settings.mps_root, pipe), false});
  out.mounts.push_back(
      {std::string(kShm), join(in.settings.mps_root, "shm"), false});
}

void add_volumes(const std::vector<std::string>& names, wire::Allocation& out) {
  out.envs[kVisible] = kVolumes;
  for (const std::string& name : names) {
    out.mounts.push_back({join(kVolumes, name), std::string(kNull), false});
  }
}

Result<void> add_nodes(const AllocateInput& in, const Devices& devices,
                       wire::Allocation& out) {
  std::vector<std::string> paths;
  for (const std::string_view control : kControls) {
    if (in.exists(control)) paths.emplace_back(control);
  }
  for (const PluginDevice* device : devices) {
    if (device->nodes.empty()) {
      return fail(Error::Kind::not_found,
                  fmt::format("the device nodes of {} are not known: the "
                              "driver has not told them yet",
                              device->id));
    }
    for (const std::string& path : device->nodes) add_once(paths, path);
  }
  for (const std::string& path : paths) {
    out.nodes.push_back({path, join(in.settings.dev_root, path), "rw"});
  }
  return {};
}

Result<wire::Allocation> allocate_one(const AllocateInput& in,
                                      const wire::DeviceIds& ids) {
  const Devices devices = TRY(find_devices(in.resource, ids));
  TRY_VOID(check(in, devices));
  const Settings& settings = in.settings;
  const auto names = names_of(devices, settings.ids_by_index);
  wire::Allocation out;
  if (settings.list.any_cdi()) add_cdi(in, names, out);
  if (in.resource.mps) add_mps(in, out);
  if (settings.list.all_cdi()) return out;
  if (settings.list.envvar) out.envs[kVisible] = joined(names);
  // Both: the mounts' word stands in the variable.
  if (settings.list.volume_mounts) add_volumes(names, out);
  if (settings.pass_device_specs) TRY_VOID(add_nodes(in, devices, out));
  return out;
}

}  // namespace

Result<std::vector<wire::Allocation>> allocate(
    const AllocateInput& input, const std::vector<wire::DeviceIds>& wishes) {
  std::vector<wire::Allocation> out;
  for (const wire::DeviceIds& ids : wishes) {
    out.push_back(TRY(allocate_one(input, ids)));
  }
  return out;
}

}  // namespace gpuward::kubelet::plugin
