#include "containers/plugin_container.h"

#include <algorithm>

#include "containers/aside.h"
#include "containers/cgroups.h"
#include "containers/names.h"
#include "containers/runtime_state.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMaxSpec = 8 << 20;

// What a record of this id says, as JSON: it comes from a child.
Json look_up(const host::Root& root, const NamedCgroup& named) {
  std::vector<Gap> gaps;
  RuntimeRecord place;
  place.id = named.id;
  place.runtime = named.runtime;
  for (RuntimeRecord& record : list_runtime_records(root, gaps)) {
    // What a user wrote says nothing about a pod.
    if (record.id == named.id && record.owner == 0) place = std::move(record);
  }
  Container container;
  container.runtime = named.runtime.empty() ? place.runtime : named.runtime;
  const auto file = find_spec_file(root, place);
  const auto text = file ? read_record(root, place, *file, kMaxSpec) : file;
  if (text) {
    if (const auto spec = parse_oci_spec(*text)) name_by_spec(*spec, container);
  }
  Json out = Json::object();
  out.set("runtime", container.runtime);
  out.set("pod", container.pod);
  out.set("pod_namespace", container.pod_namespace);
  out.set("name", container.name);
  out.set("file", file.value_or(""));
  return out;
}

PluginContainer look_at(const host::Root& root,
                        const evidence::PluginProcess& process,
                        Millis deadline) {
  PluginContainer out;
  out.process = process;
  const auto named = container_of_cgroup(process.cgroup);
  if (!named) {
    out.why_not = "it runs in no container that its cgroup names (" +
                  (process.cgroup.empty() ? "none" : process.cgroup) + ")";
    return out;
  }
  out.id = named->id;
  const auto found = do_aside(
      [&root, &named] {
        // A child has none of our descriptors.
        const auto own = host::Root::open(root.directory());
        return own ? look_up(*own, *named) : Json::object();
      },
      deadline);
  if (!found) {
    out.why_not = "its records could not be read: " + found.error().text;
    return out;
  }
  out.runtime = (*found)["runtime"].as_string();
  out.pod = (*found)["pod"].as_string();
  out.pod_namespace = (*found)["pod_namespace"].as_string();
  out.name = (*found)["name"].as_string();
  out.socket = runtime_socket(out.runtime, (*found)["file"].as_string());
  if (out.runtime.empty()) out.why_not = "no record says whose container it is";
  return out;
}

}  // namespace

std::string runtime_socket(std::string_view runtime,
                           std::string_view spec_file) {
  if (runtime == "cri-o") return "/run/crio/crio.sock";
  if (runtime != "containerd") return {};
  if (spec_file.starts_with("/run/k3s/")) {
    return "/run/k3s/containerd/containerd.sock";
  }
  if (spec_file.find("/microk8s/") != std::string_view::npos) {
    return "/var/snap/microk8s/common/run/containerd.sock";
  }
  return "/run/containerd/containerd.sock";
}

Result<std::vector<PluginContainer>> find_plugin_containers(
    const host::Root& root, Millis deadline) {
  std::vector<PluginContainer> out;
  for (const evidence::PluginProcess& process :
       TRY(evidence::find_device_plugins(root))) {
    out.push_back(look_at(root, process, deadline));
  }
  return out;
}

}  // namespace gpuward::containers
