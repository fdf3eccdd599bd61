#include "containers/grants.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSpec = "OCI specification";
constexpr std::string_view kRule = "device rule of the OCI specification";
constexpr std::string_view kHook = "NVIDIA's hook";
constexpr size_t kMostUnresolved = 256;

struct Source {
  std::string_view record;
  std::string file;
};

void note(Container& container, std::string text) {
  auto& list = container.unresolved;
  if (list.size() >= kMostUnresolved) return;
  if (std::ranges::find(list, text) == list.end()) {
    list.push_back(std::move(text));
  }
}

bool has(const Container& container, DeviceNumber number) {
  return std::ranges::any_of(container.grants, [number](const Grant& grant) {
    return grant.major_number == number.major_number &&
           grant.minor_number == number.minor_number;
  });
}

// False where it is there already.
bool add(Container& container, const HostNode& node, std::string access,
         const Source& source) {
  if (has(container, node.number)) return false;
  container.grants.push_back({printable(node.path, 300),
                              node.number.major_number,
                              node.number.minor_number, std::move(access),
                              std::string(source.record), source.file});
  return true;
}

void sort_grants(Container& container) {
  std::ranges::sort(container.grants, {}, &Grant::path);
}

void came_as_devices(Container& container) {
  if (!container.grants.empty() && container.injection == Injection::unknown) {
    container.injection = Injection::devices;
  }
}

// One entry of linux.devices.
void grant_spec_device(const OciSpec::Device& device, const OciSpec& spec,
                       bool governed, const Source& source,
                       const HostNodes& host, Container& container) {
  const bool is_nvidia = host.majors.contains(device.number.major_number);
  const std::string shown = printable(device.path, 200);
  if (!is_nvidia) {
    if (is_nvidia_path(device.path)) {
      note(container, fmt::format("{} is device {}:{} in the OCI "
                                  "specification, which is not NVIDIA's",
                                  shown, device.number.major_number,
                                  device.number.minor_number));
    }
    return;
  }
  const std::string access =
      governed ? access_by(spec.rules, device.number) : "rw";
  if (may_open(access)) {
    add(container, {device.path, device.number}, access, source);
  } else {
    note(container,
         fmt::format("{} is in the OCI specification, and no device rule of it "
                     "lets it be opened",
                     shown));
  }
}

// Nodes of the host that are mounted rather than made.
void grant_mounts(const OciSpec& spec, bool governed, const Source& source,
                  const HostNodes& host, Container& container) {
  for (const OciSpec::Mount& mount : spec.mounts) {
    const HostNode* node = host.find(mount.source);
    if (node == nullptr || !is_nvidia_path(mount.source)) continue;
    if (!governed) {
      add(container, {mount.destination, node->number}, "rw", source);
    } else if (!has(container, node->number)) {
      note(container, fmt::format("{} is mounted from the host, and no device "
                                  "rule lets it be opened",
                                  printable(mount.destination, 200)));
    }
  }
}

// Nodes that a record names by their path on the host.
void grant_host_path(const std::string& host_path, const std::string& path,
                     const std::string& access, const Source& source,
                     const HostNodes& host, Container& container) {
  if (!is_nvidia_path(host_path)) return;
  const HostNode* node = host.find(host_path);
  if (node == nullptr) {
    note(container, fmt::format("{} was given, and the host has no such node",
                                printable(host_path, 200)));
  } else if (may_open(access)) {
    add(container, {path, node->number}, access, source);
  }
}

void grant_cdi_device(const std::string& name, const Cdi& cdi,
                      const HostNodes& host, Container& container) {
  if (!is_nvidia_cdi_name(name)) return;
  const CdiDevice* device = cdi.find(name);
  if (device == nullptr) {
    note(container, fmt::format("CDI device {}: no CDI file has it",
                                printable(name, 100)));
    return;
  }
  for (const CdiNode& node : device->nodes) {
    grant_host_path(node.host_path, node.path, node.access,
                    {"CDI", device->file}, host, container);
  }
}

}  // namespace

void grant_by_spec(const OciSpec& spec, const std::string& file, bool governed,
                   const HostNodes& host, Container& container) {
  for (const OciSpec::Device& device : spec.devices) {
    grant_spec_device(device, spec, governed, {kSpec, file}, host, container);
  }
  container.privileged = governed && allow_everything(spec.rules);
  // Rules that name numbers, or all of a major, and no node.
  for (const HostNode& node : host.nodes) {
    const std::string access =
        governed ? access_by(spec.rules, node.number) : "";
    if (may_open(access)) add(container, node, access, {kRule, file});
  }
  grant_mounts(spec, governed, {kSpec, file}, host, container);
  came_as_devices(container);
  sort_grants(container);
}

void grant_by_hook(const OciSpec& spec, const Result<ToolkitConfig>& config,
                   bool governed, const HostNodes& host, Container& container) {
  if (!has_nvidia_hook(spec)) return;
  if (!config) {
    if (asks_for_gpus(spec)) {
      note(container,
           "what NVIDIA's hook gave it: " + printable(config.error().text));
    }
    return;
  }
  const LegacyNodes legacy =
      nodes_of_hook(spec, *config, host, container.cgroup_v2);
  for (const std::string& text : legacy.unresolved) note(container, text);
  if (config->no_cgroups && governed && !container.privileged) {
    if (!legacy.nodes.empty()) {
      note(container, config->file +
                          ": with no-cgroups = true NVIDIA's hook adds nodes "
                          "and allows none of them");
    }
    return;
  }
  bool added = false;
  for (const HostNode& node : legacy.nodes) {
    if (add(container, node, "rw", {kHook, config->file})) added = true;
  }
  // Whoever had all devices anyway loses nothing of what the hook adds.
  if (added || (!legacy.unresolved.empty() && container.grants.empty())) {
    container.injection = Injection::legacy;
  }
  sort_grants(container);
}

void note_missing_cdi(const OciSpec& spec, Container& container) {
  if (!container.grants.empty()) return;
  for (const auto& [key, value] : spec.annotations) {
    if (!key.starts_with("cdi.k8s.io/") &&
        !key.starts_with("nvidia.cdi.k8s.io/")) {
      continue;
    }
    for (const std::string_view name : split(value, ',')) {
      if (!is_nvidia_cdi_name(trim(name))) continue;
      note(container,
           fmt::format("CDI device {} was asked for, and the OCI specification "
                       "has none of its nodes",
                       printable(trim(name), 100)));
    }
  }
}

void grant_by_docker(const DockerRecord& record, const Cdi& cdi,
                     const HostNodes& host, Container& container) {
  container.privileged = record.privileged;
  for (const DockerRecord::Device& device : record.devices) {
    grant_host_path(device.host_path, device.path, device.access,
                    {"Docker's own files", record.file}, host, container);
  }
  for (const std::string& name : record.cdi_devices) {
    grant_cdi_device(name, cdi, host, container);
  }
  if (record.privileged) {
    for (const HostNode& node : host.nodes) {
      add(container, node, "rwm", {"Docker's own files", record.file});
    }
  }
  if (record.asks_for_gpus) {
    note(container,
         "GPUs asked for with --gpus: the OCI specification that "
         "says which cannot be read");
  }
  came_as_devices(container);
  sort_grants(container);
}

void note_checkpoint(const PluginAnswer& answer, Container& container) {
  std::string names;
  for (const PluginNode& node : answer.nodes) {
    if (!is_nvidia_path(node.host_path)) continue;
    names += (names.empty() ? "" : ", ") + printable(node.host_path, 100);
  }
  for (const std::string& name : answer.cdi_devices) {
    if (!is_nvidia_cdi_name(name)) continue;
    names += (names.empty() ? "" : ", ") + printable(name, 100);
  }
  if (names.empty()) return;
  note(container,
       fmt::format("{}: the kubelet's checkpoint gives it to the "
                   "pod's container {}; whether this is that one "
                   "only its OCI specification says, which cannot "
                   "be read",
                   printable(names, 500), printable(answer.container, 100)));
}

void grant_by_lxc(const LxcConfig& config, bool cgroup_v2,
                  const HostNodes& host, Container& container) {
  const auto& rules = cgroup_v2 ? config.rules_v2 : config.rules_v1;
  const Source source{"LXC configuration", config.file};
  container.privileged = allow_everything(rules);
  container.rootless = config.user_namespace;
  // Without any rule LXC leaves the device cgroup as it is: open.
  const bool governed = !rules.empty() || config.includes_others;
  const auto access_of = [&rules, governed](DeviceNumber number) {
    return governed ? access_by(rules, number) : std::string("rw");
  };
  for (const LxcConfig::Mount& mount : config.mounts) {
    const HostNode* node = host.find(mount.source);
    if (node == nullptr || !is_nvidia_path(mount.source)) continue;
    const std::string access = access_of(node->number);
    if (may_open(access)) {
      add(container, {mount.destination, node->number}, access, source);
    } else {
      note(container,
           fmt::format("{} is mounted from the host, and no device "
                       "rule of {} lets it be opened",
                       printable(mount.destination, 200), config.file));
    }
  }
  for (const HostNode& node : host.nodes) {
    const std::string access =
        rules.empty() ? "" : access_by(rules, node.number);
    if (may_open(access)) add(container, node, access, source);
  }
  came_as_devices(container);
  sort_grants(container);
}

bool asks_for_gpus(const OciSpec& spec) {
  const VisibleDevices visible = visible_by_environment(spec);
  return visible.what == VisibleDevices::What::some ||
         visible.what == VisibleDevices::What::all;
}

}  // namespace gpuward::containers
