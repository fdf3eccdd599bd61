#include "agent/kubelet_patient.h"

#include "containers/plugin_container.h"
#include "evidence/device_plugin.h"
#include "evidence/kubelet_admissions.h"
#include "host/task.h"

namespace gpuward::agent {
namespace {

using Plugin = plan::KubeletPatient::Plugin;

Plugin::State state_of(evidence::PluginProcess::State state) {
  switch (state) {
    case evidence::PluginProcess::State::stuck:
      return Plugin::State::stuck;
    case evidence::PluginProcess::State::stopped:
      return Plugin::State::stopped;
    case evidence::PluginProcess::State::running:
      break;
  }
  return Plugin::State::running;
}

Plugin to_plugin(const containers::PluginContainer& found) {
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

plan::KubeletPatient kubelet_patient(const host::Host& host,
                                     const std::vector<Evidence>& evidence) {
  plan::KubeletPatient out;
  const host::Root& root = host.evidence;
  if (const auto found = containers::find_plugin_containers(root)) {
    for (const containers::PluginContainer& each : *found) {
      out.plugins.push_back(to_plugin(each));
    }
  }
  const auto admission = evidence::admission_in(evidence, root, wall_now());
  if (admission && admission->waits) {
    out.waiting.assign(admission->pods.begin(), admission->pods.end());
  }
  out.kubelet_pid =
      admission ? admission->pid : evidence::find_task_named(root, "kubelet");
  if (const auto stat = host::task_stat(root, out.kubelet_pid)) {
    out.kubelet_start_time = stat->start_time;
    out.unit = evidence::unit_of_task(root, out.kubelet_pid);
  } else {
    out.kubelet_pid = 0;
  }
  return out;
}

}  // namespace gpuward::agent
