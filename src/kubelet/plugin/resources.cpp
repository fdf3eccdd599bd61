#include "kubelet/plugin/resources.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "kubelet/plugin/sharing_file.h"

namespace gpuward::kubelet::plugin {
namespace {

constexpr std::string_view kWhole = "nvidia.com/gpu";
constexpr size_t kLongestId = 63;

using ByName = std::map<std::string, Resource>;

std::string node_of(int minor_number) {
  return fmt::format("/dev/nvidia{}", minor_number);  // path: for a container
}

std::string cap_node(int minor_number) {
  return fmt::format("/dev/nvidia-caps/nvidia-cap{}",  // path: for a container
                     minor_number);
}

PluginDevice device_of(const KnownGpu& gpu) {
  PluginDevice out;
  out.id = out.uuid = out.gpu = gpu.uuid;
  out.index = std::to_string(gpu.index);
  if (gpu.minor) out.nodes = {node_of(*gpu.minor)};
  if (gpu.numa_node) out.numa_nodes = {*gpu.numa_node};
  return out;
}

PluginDevice device_of(const KnownGpu& gpu, const MigDevice& mig) {
  PluginDevice out = device_of(gpu);
  out.id = out.uuid = mig.uuid;
  out.index = fmt::format("{}:{}", gpu.index, mig.index);
  out.is_mig = true;
  const bool known = gpu.minor && mig.gpu_cap && mig.compute_cap;
  out.nodes.clear();
  if (known) {
    out.nodes = {node_of(*gpu.minor), cap_node(*mig.gpu_cap),
                 cap_node(*mig.compute_cap)};
  }
  return out;
}

// "1c.3g.20gb": a compute instance that is a part of its GPU instance.
bool is_part_of_instance(std::string_view profile) {
  const std::string_view first = profile.substr(0, profile.find('.'));
  return first.ends_with('c');
}

// "nvidia.com/mig-1g.10gb.me" of "1g.10gb+me"; empty where there is none.
std::string name_of_profile(std::string_view profile) {
  if (profile.empty() || is_part_of_instance(profile)) return {};
  std::string name = "mig-" + std::string(profile);
  std::ranges::replace(name, '+', '.');
  return resource_name(name);
}

class Builder {
 public:
  Builder(const Inventory& inventory, const Settings& settings)
      : inventory_(inventory), settings_(settings) {}

  Resources run() {
    for (const KnownGpu& gpu : inventory_.gpus) add(gpu);
    if (settings_.mig_strategy == MigStrategy::single) check_single();
    share();
    for (auto& [name, resource] : offered_) {
      out_.list.push_back(std::move(resource));
    }
    return std::move(out_);
  }

 private:
  void note(std::string text) { out_.notes.push_back(std::move(text)); }

  void offer(std::string_view name, PluginDevice device) {
    if (device.id.size() > kLongestId || !ids_.insert(device.id).second) {
      return note(fmt::format(
          "device {} is not offered: its id is {}", device.id,
          device.id.size() > kLongestId ? "longer than 63 characters"
                                        : "there twice"));
    }
    Resource& resource = offered_[std::string(name)];
    resource.name = name;
    resource.devices.push_back(std::move(device));
  }

  void add(const KnownGpu& gpu) {
    if (settings_.mig_strategy == MigStrategy::none || gpu.mig_on == false) {
      return offer(kWhole, device_of(gpu));
    }
    if (!gpu.mig_on) {
      return note(
          fmt::format("GPU {} is not offered: whether MIG is on is not "
                      "known yet",
                      gpu.index));
    }
    if (gpu.mig.empty()) {
      note(
          fmt::format("GPU {} offers nothing: MIG is on, and it has no MIG "
                      "device",
                      gpu.index));
    }
    for (const MigDevice& mig : gpu.mig) add(gpu, mig);
  }

  void add(const KnownGpu& gpu, const MigDevice& mig) {
    if (settings_.mig_strategy == MigStrategy::single) {
      profiles_.insert(mig.profile);
      return offer(kWhole, device_of(gpu, mig));
    }
    const std::string name = name_of_profile(mig.profile);
    if (name.empty()) {
      return note(
          fmt::format("MIG device {} is not offered: its profile '{}' "
                      "is no resource's",
                      mig.uuid, mig.profile));
    }
    offer(name, device_of(gpu, mig));
  }

  // Under one name a pod must get the same, whichever device it is given.
  void check_single() {
    const auto found = offered_.find(std::string(kWhole));
    if (found == offered_.end()) return;
    Resource& resource = found->second;
    const bool some_mig =
        std::ranges::any_of(resource.devices, &PluginDevice::is_mig);
    const bool all_mig =
        std::ranges::all_of(resource.devices, &PluginDevice::is_mig);
    if (some_mig && !all_mig) {
      resource.problem =
          "MIG is on at some GPUs and off at others: with mig-strategy single "
          "it must be the same at all";
    } else if (profiles_.size() > 1) {
      resource.problem =
          "MIG devices of several profiles: with mig-strategy single all must "
          "be of one";
    }
  }

  void share() {
    for (const SharedResource& shared : settings_.sharing.resources) {
      const auto found = offered_.find(shared.name);
      if (found == offered_.end()) continue;
      Resource whole = std::move(found->second);
      offered_.erase(found);
      replicate(whole, shared);
    }
  }

  void replicate(const Resource& whole, const SharedResource& shared) {
    for (const PluginDevice& device : whole.devices) {
      for (int i = 0; i < shared.replicas; ++i) {
        PluginDevice replica = device;
        replica.id = fmt::format("{}::{}", device.uuid, i);
        replica.is_replica = true;
        offer(shared.rename, std::move(replica));
      }
    }
    Resource& resource = offered_[shared.rename];
    resource.problem = whole.problem;
    resource.mps = settings_.sharing.kind == Sharing::Kind::mps;
    if (resource.mps &&
        std::ranges::any_of(resource.devices, &PluginDevice::is_mig)) {
      resource.problem = "sharing by MPS is not supported for MIG devices";
    }
  }

  const Inventory& inventory_;
  const Settings& settings_;
  ByName offered_;
  std::set<std::string> ids_;
  std::set<std::string> profiles_;
  Resources out_;
};

}  // namespace

Resources resources_of(const Inventory& inventory, const Settings& settings) {
  return Builder(inventory, settings).run();
}

std::string socket_stem(std::string_view resource) {
  return "nvidia-" + std::string(resource.substr(resource.find('/') + 1));
}

}  // namespace gpuward::kubelet::plugin
