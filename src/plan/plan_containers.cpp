#include "plan/plan_containers.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "containers/access.h"
#include "model/container_arguments.h"

namespace gpuward::plan {
namespace {

constexpr std::string_view kRevoked = "container-gpu-access-revoked";
constexpr std::string_view kAtRisk = "container-gpu-access-at-risk";

std::string join(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += ", ";
    out += text;
  }
  return out;
}

std::string nodes_of(const Container& container) {
  constexpr size_t kMost = 16;
  std::vector<std::string> paths;
  for (const Grant& grant : container.grants) {
    if (paths.size() == kMost) break;
    paths.push_back(grant.path);
  }
  const size_t more = container.grants.size() - paths.size();
  return join(paths) + (more > 0 ? fmt::format(" and {} more", more) : "");
}

// What a program denies that systemd's call does not change: the runtime's, or
// that of its hooks. A list of cgroup v1 (id 0) is written by systemd again.
std::vector<std::string> denied_for_good(const DeviceProgram& program) {
  if (program.id == 0 || program.owner == "systemd") return {};
  return program.denies.value_or(std::vector<std::string>{});
}

std::string why_programs_deny(const Container& container) {
  for (const DeviceProgram& program : container.programs) {
    const std::vector<std::string> denied = denied_for_good(program);
    if (denied.empty()) continue;
    const bool known = !program.owner.empty() && program.owner != "unknown";
    return fmt::format(
        "re-create only: {} {} denies {}, and nothing but the runtime may "
        "change it",
        known ? program.owner + "'s program" : "program", program.id,
        join(denied));
  }
  return {};
}

std::string why_paused(const Container& container) {
  const auto unreadable = [](const DeviceProgram& each) {
    return !each.denies.has_value();
  };
  if (!container.frozen) return {};
  if (!container.programs.empty() &&
      std::ranges::none_of(container.programs, unreadable)) {
    return {};
  }
  return "it is paused, so that nobody can test from inside, and its device "
         "programs cannot be read: unpause it first";
}

std::string why_lxc(const Container& container) {
  std::string lines;
  for (const Grant& grant : container.grants) {
    lines += fmt::format("\n  lxc.{}.devices.allow = c {}:{} {}",
                         container.cgroup_v2 ? "cgroup2" : "cgroup",
                         grant.major_number, grant.minor_number, grant.access);
  }
  return "its devices are LXC's to give: its configuration needs" + lines;
}

std::string why_no_unit(const Container& container) {
  const std::string who = containers::who_denies(container);
  return "no systemd unit is around it (cgroupfs driver): systemd has nothing "
         "to give back; " +
         (who.empty() ? "who denies is not known" : who);
}

std::string why_kind(const Container& container) {
  if (container.privileged) {
    return "it is privileged: all devices are granted, and a list would take "
           "them away";
  }
  if (container.runtime == "lxc") return why_lxc(container);
  if (container.rootless) {
    return "it is rootless: its runtime may set no device rules, and the "
           "permissions of the nodes decide";
  }
  if (container.grants.empty()) {
    return "no record of the host says which nodes it may use" +
           (container.unresolved.empty() ? ""
                                         : "; asked for and not resolved: " +
                                               join(container.unresolved));
  }
  return {};
}

class Planner {
 public:
  explicit Planner(const ContainerPlanning& options) : options_(options) {}

  void plan(const Container& container, bool lost);
  void refuse(const Subject& subject, std::string why) {
    plan_.refusals.push_back({subject, "restore access", std::move(why)});
  }
  Plan take();

 private:
  void plan_restart(const Container& container, std::optional<size_t> after);

  const ContainerPlanning options_;
  Plan plan_;
  std::vector<Step> last_;  // after all that is milder
};

void Planner::plan(const Container& container, bool lost) {
  const Subject subject{Subject::Kind::container, container.label};
  std::optional<size_t> live;
  if (std::string why = why_not_live(container); !why.empty()) {
    refuse(subject, std::move(why));
  } else if (!lost && containers::is_listed_whole(container)) {
    refuse(subject,
           "systemd's list has all its nodes already, and what the runtime "
           "takes away at an update no list prevents: make it anew with CDI or "
           "an explicit --device for each node");
  } else {
    live = plan_.steps.size();
    plan_.steps.push_back(
        {std::string(kRestoreAccess), subject, arguments_of(container),
         fmt::format("allow {} in {} (SetUnitProperties, until the container "
                     "ends{})",
                     nodes_of(container), unit_in_words(container.unit),
                     container.frozen
                         ? "; it is paused: judged by its programs only"
                         : ""),
         Remedy::Disrupts::nothing, std::nullopt});
    if (!container.unresolved.empty()) {
      refuse(subject, "not restored, since no node is known for it: " +
                          join(container.unresolved));
    }
  }
  // One that works is not ended for what may come.
  if (lost && options_.allow_restart) plan_restart(container, live);
}

void Planner::plan_restart(const Container& container,
                           std::optional<size_t> after) {
  const Subject subject{Subject::Kind::container, container.label};
  std::string why;
  if (!container.pod.empty()) {
    why = fmt::format(
        "it belongs to a pod, whose owner must delete it: "
        "kubectl delete pod -n {} {}",
        container.pod_namespace, container.pod);
  } else if (container.runtime != "docker" && container.runtime != "podman") {
    why = fmt::format("{} has no command that restarts it", container.runtime);
  }
  if (!why.empty()) {
    plan_.refusals.push_back({subject, "restart", std::move(why)});
    return;
  }
  last_.push_back(
      {std::string(kRestartContainer), subject, arguments_of(container),
       fmt::format("{} restart {}", container.runtime,
                   container.name.empty() ? container.id : container.name),
       Remedy::Disrupts::container, after});
}

Plan Planner::take() {
  for (Step& step : last_) plan_.steps.push_back(std::move(step));
  return std::move(plan_);
}

}  // namespace

std::string why_not_live(const Container& container) {
  if (std::string why = why_kind(container); !why.empty()) return why;
  if (container.unit.empty()) return why_no_unit(container);
  if (container.policy && container.policy->policy == "auto" &&
      container.policy->allow.empty()) {
    const std::string who = containers::who_denies(container);
    return fmt::format(
        "systemd denies nothing in {} (DevicePolicy=auto, no "
        "list), and an entry would deny all the rest{}",
        unit_in_words(container.unit), who.empty() ? who : "; " + who);
  }
  if (std::string why = why_programs_deny(container); !why.empty()) return why;
  return why_paused(container);
}

Plan plan_containers(const std::vector<Finding>& findings,
                     const std::vector<Container>& containers,
                     const ContainerPlanning& options) {
  std::map<std::string, bool> lost;  // by label, each once
  for (const Finding& finding : findings) {
    if (finding.subject.kind != Subject::Kind::container) continue;
    if (finding.id == kRevoked) lost[finding.subject.name] = true;
    if (finding.id == kAtRisk) lost.emplace(finding.subject.name, false);
  }
  Planner planner(options);
  for (const auto& [label, is_lost] : lost) {
    const auto container =
        std::ranges::find(containers, label, &Container::label);
    if (container == containers.end()) {
      planner.refuse({Subject::Kind::container, label},
                     "no such container runs any more");
      continue;
    }
    planner.plan(*container, is_lost);
  }
  return planner.take();
}

}  // namespace gpuward::plan
