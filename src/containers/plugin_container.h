// In which container a process of NVIDIA's device plugin runs, by its cgroup
// and the runtime's records: for whoever must stop it while the kubelet cannot.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "evidence/device_plugin.h"

namespace gpuward::containers {

struct PluginContainer {
  evidence::PluginProcess process;
  std::string runtime;  // "containerd", "cri-o", "docker"
  std::string id;
  std::string socket;  // of the runtime, where it is one of Kubernetes'
  std::string pod, pod_namespace, name;
  std::string why_not;  // no container is known, empty where one is

  bool operator==(const PluginContainer&) const = default;
};

// One for each process of `find_device_plugins`. A child reads the records
// (aside.h): where it is late, the container is not known.
Result<std::vector<PluginContainer>> find_plugin_containers(
    const host::Root& root, Millis deadline = 5s);

// Pure: the socket of the runtime whose record lies at `spec_file`.
std::string runtime_socket(std::string_view runtime,
                           std::string_view spec_file);

}  // namespace gpuward::containers
