#include "agent/kubelet_patient.h"

#include "containers/plugin_container.h"
#include "evidence/device_plugin.h"
#include "evidence/kubelet_admissions.h"
#include "host/task.h"

namespace gpuward {
namespace {

using Plugin = KubeletPatient::Plugin;

Plugin::State state_of(PluginProcess::State state) {
  switch (state) {
    case PluginProcess::State::stuck:
      return Plugin::State::stuck;
    case PluginProcess::State::stopped:
      return Plugin::State::stopped;
    case PluginProcess::State::running:
      break;
  }
  return Plugin::State::running;
}

Plugin to_plugin(const PluginContainer& found) {
  Plugin out;
  out.pid = found.process.pid;
  out.start_time = found.process.start_time;
  out.comm = found.process.comm;
  out.state = state_of(found.process.state);
  out.where = found.process.where;
  out.runtime = found.runtime;
  out.id = found.id;
  out.socket = found.socket;
  out.why_not = found.why_not;
  out.pod = found.pod;
  out.pod_namespace = found.pod_namespace;
  out.name = found.name;
  return out;
}

}  // namespace

KubeletPatient kubelet_patient(const Host& host,
                               const std::vector<Evidence>& evidence) {
  KubeletPatient out;
  const Root& root = host.evidence;
  if (const auto found = find_plugin_containers(root)) {
    for (const PluginContainer& each : *found) {
      out.plugins.push_back(to_plugin(each));
    }
  }
  const auto admission = admission_in(evidence, root, wall_now());
  if (admission && admission->waits) {
    out.waiting.assign(admission->pods.begin(), admission->pods.end());
  }
  out.kubelet_pid =
      admission ? admission->pid : find_task_named(root, "kubelet");
  if (const auto stat = task_stat(root, out.kubelet_pid)) {
    out.kubelet_start_time = stat->start_time;
    out.unit = unit_of_task(root, out.kubelet_pid);
  } else {
    out.kubelet_pid = 0;
  }
  return out;
}

}  // namespace gpuward
