#include "plan/plan_kubelet.h"

#include <fmt/core.h>

#include <algorithm>

namespace gpuward::plan {
namespace {

using Plugin = KubeletPatient::Plugin;

constexpr std::string_view kStop = "stop the device plugin's container";
constexpr std::string_view kRestart = "restart the kubelet";

std::string label_of(const Plugin& plugin) {
  if (plugin.pod.empty()) return fmt::format("{}:{}", plugin.comm, plugin.pid);
  return fmt::format("{}/{}/{}", plugin.pod_namespace, plugin.pod, plugin.name);
}

Subject subject_of(const Plugin& plugin) {
  return {Subject::Kind::container, label_of(plugin)};
}

std::string why_not_stopped(const Plugin& plugin) {
  if (!plugin.why_not.empty()) return plugin.why_not;
  if (plugin.runtime == "containerd" || plugin.runtime == "cri-o" ||
      plugin.runtime == "docker") {
    return {};
  }
  return fmt::format("{} is not a runtime of a kubelet's pods", plugin.runtime);
}

std::string way_of(const Plugin& plugin) {
  if (plugin.runtime == "docker") return "docker stop";
  if (plugin.runtime == "cri-o") return "crictl stop";
  return "crictl stop, or ctr tasks kill where there is no crictl";
}

Step stop_step(const Plugin& plugin) {
  Step step;
  step.action = kStopContainer;
  step.subject = subject_of(plugin);
  step.arguments.set("runtime", plugin.runtime);
  step.arguments.set("id", plugin.id);
  step.arguments.set("socket", plugin.socket);
  step.arguments.set("pid", plugin.pid);
  step.arguments.set("start_time", static_cast<int64_t>(plugin.start_time));
  step.arguments.set("comm", plugin.comm);
  step.text = fmt::format(
      "stop container {} of {} by its runtime ({}); GPU jobs go on, the "
      "kubelet starts the plugin anew",
      plugin.id.substr(0, 12), plugin.runtime, way_of(plugin));
  return step;
}

// Why gpuward does not restart this kubelet, and what does it.
std::string why_not_restarted(const KubeletPatient& patient) {
  if (patient.kubelet_pid == 0) return "no process of the kubelet was found";
  if (patient.unit == "kubelet.service") return {};
  if (patient.unit.empty()) {
    return fmt::format(
        "process {} is in no unit of systemd: restart it as it was started",
        patient.kubelet_pid);
  }
  return fmt::format(
      "it is part of {}, and with it goes whatever else that unit runs; where "
      "pods stay Pending: systemctl restart {}",
      patient.unit, patient.unit);
}

Step restart_step(const KubeletPatient& patient) {
  Step step;
  step.action = kRestartKubelet;
  step.arguments.set("unit", patient.unit);
  step.arguments.set("pid", patient.kubelet_pid);
  step.arguments.set("start_time",
                     static_cast<int64_t>(patient.kubelet_start_time));
  Json plugins = Json::array();
  for (const Plugin& plugin : patient.plugins) plugins.push(plugin.pid);
  step.arguments.set("plugins", std::move(plugins));
  Json pods = Json::array();
  for (const std::string& pod : patient.waiting) pods.push(pod);
  step.arguments.set("waiting", std::move(pods));
  step.text = fmt::format(
      "wait up to 30 s for an admission that completes; where none does, "
      "restart {} (systemd; containers go on)",
      patient.unit);
  return step;
}

void warn_of_waiting(const KubeletPatient& patient, KubeletRepair& out) {
  constexpr std::string_view kFate =
      "it will fail (UnexpectedAdmissionError) once the plugin ends; its "
      "controller makes another, a pod without one must be created again";
  if (patient.waiting.empty()) {
    out.warnings.push_back(fmt::format(
        "the pod that waits in admission is not known by name: {}", kFate));
  }
  for (const std::string& pod : patient.waiting) {
    out.warnings.push_back(
        fmt::format("pod {} waits in admission: {}", pod, kFate));
  }
}

// Nothing is to be stopped; says why.
bool refuse_all(const KubeletPatient& patient, KubeletRepair& out) {
  if (patient.plugins.empty()) {
    out.plan.refusals.push_back(
        {{},
         std::string(kStop),
         "no process of NVIDIA's device plugin runs: the kubelet waits for "
         "something else"});
    return true;
  }
  const auto stuck =
      std::ranges::find(patient.plugins, Plugin::State::stuck, &Plugin::state);
  if (stuck == patient.plugins.end()) return false;
  out.plan.refusals.push_back(
      {subject_of(*stuck), std::string(kStop),
       "it sits in the driver in state D, which no signal ends (" +
           stuck->where + "): only a reboot does"});
  out.then.emplace_back(
      "drain and reboot the node; until then a restart of the kubelet lets "
      "pods start that ask for no GPU");
  return true;
}

}  // namespace

KubeletRepair plan_kubelet(const KubeletPatient& patient) {
  KubeletRepair out;
  if (refuse_all(patient, out)) return out;
  for (const Plugin& plugin : patient.plugins) {
    if (std::string why = why_not_stopped(plugin); !why.empty()) {
      out.plan.refusals.push_back(
          {subject_of(plugin), std::string(kStop), std::move(why)});
      continue;
    }
    out.plan.steps.push_back(stop_step(plugin));
  }
  if (std::string why = why_not_restarted(patient); !why.empty()) {
    out.plan.refusals.push_back({{}, std::string(kRestart), std::move(why)});
  } else {
    out.plan.steps.push_back(restart_step(patient));
  }
  if (!out.plan.steps.empty()) warn_of_waiting(patient, out);
  return out;
}

std::vector<std::string> waiting_pods(const Json& arguments) {
  std::vector<std::string> out;
  for (const Json& pod : arguments["waiting"].as_array()) {
    out.emplace_back(pod.as_string());
  }
  return out;
}

}  // namespace gpuward::plan
