#include "action/restore_access.h"

#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "containers/access.h"
#include "containers/cgroups.h"
#include "containers/look.h"
#include "host/task.h"
#include "model/container_arguments.h"

namespace gpuward::action {
namespace {

using Now = NodeAccess::Now;

std::unexpected<Error> has_ended() {
  return fail(Error::Kind::gone, "the container has ended");
}

bool is_alive(const host::Host& host, const Container& container) {
  return host::is_same_task(host.evidence, container.pid, container.start_time);
}

// A unit that vanishes while we speak of it: its container has ended.
std::unexpected<Error> explained(const host::Host& host,
                                 const Container& container, Error error) {
  if (error.kind == Error::Kind::not_found && !is_alive(host, container)) {
    return has_ended();
  }
  return std::unexpected(std::move(error));
}

bool is_within(const std::string& cgroup, const std::string& outer) {
  return cgroup == outer || cgroup.starts_with(outer + "/");
}

// Anybody who may make cgroups chooses their names.
std::string shown(const std::string& cgroup) { return printable(cgroup, 300); }

// The unit is this container's alone: an entry counts for all that lies in it.
// Runtimes name a scope after the container; crun puts it one level deeper.
bool is_its_own(const Container& container, const std::string& group) {
  const bool by_name = !container.id.empty() &&
                       container.unit.ends_with(container.id + ".scope");
  return by_name || container.cgroup == group ||
         container.cgroup == group + "/container";
}

// The first process lies where the plan says, and systemd thinks so too.
Result<void> check_place(const host::Host& host, host::Systemd& systemd,
                         const Container& container) {
  const auto file = host.evidence.read(
      fmt::format("/proc/{}/cgroup", container.pid));  // path: its own process
  if (!file) return has_ended();
  const containers::TaskCgroups lies = containers::parse_task_cgroups(*file);
  // crun has it in a cgroup of its own below the scope.
  if (!is_within(container.cgroup_v2 ? lies.unified : lies.devices,
                 container.cgroup)) {
    return fail(Error::Kind::gone,
                fmt::format("its process {} is no longer in the cgroup {}",
                            container.pid, shown(container.cgroup)));
  }
  const std::string group = TRY(systemd.control_group(container.unit));
  if (group.empty() || !is_within(container.cgroup, group)) {
    return fail(Error::Kind::unsupported,
                fmt::format("systemd has {} at \"{}\", the container is in {}",
                            shown(container.unit), shown(group),
                            shown(container.cgroup)));
  }
  if (!is_its_own(container, group)) {
    return fail(Error::Kind::unsupported,
                fmt::format("{} is not the container's alone: an entry would "
                            "count for everything in it",
                            shown(container.unit)));
  }
  return {};
}

Result<void> check_kind(const host::Host& host, const Container& container) {
  if (host.simulated) {
    return fail(Error::Kind::unsupported, "a simulated node has no systemd");
  }
  if (container.unit.empty()) {
    return fail(Error::Kind::unsupported,
                "no systemd unit is around it: systemd takes nothing from it");
  }
  if (container.privileged) {
    return fail(Error::Kind::unsupported,
                "it is privileged: all devices are granted, and a list would "
                "take them away");
  }
  if (container.rootless) {
    return fail(Error::Kind::unsupported,
                "it is rootless: its user wrote the records about it");
  }
  if (container.grants.empty()) {
    return fail(Error::Kind::unsupported, "no node is known to be granted");
  }
  return {};
}

Json to_json(const host::DeviceAllow& list) {
  Json out = Json::array();
  for (const auto& [node, access] : list) {
    Json entry = Json::array();
    entry.push(node);
    entry.push(access);
    out.push(std::move(entry));
  }
  return out;
}

host::DeviceAllow list_of(const Json& json) {
  host::DeviceAllow out;
  for (const Json& entry : json.as_array()) {
    const Json::Array& pair = entry.as_array();
    if (pair.size() == 2) {
      out.emplace_back(pair[0].as_string(), pair[1].as_string());
    }
  }
  return out;
}

// The scope's list, where there is one: without, an entry would begin one.
Result<host::DeviceAllow> list_that_denies(host::Systemd& systemd,
                                           const Container& container) {
  const std::string policy = TRY(systemd.device_policy(container.unit));
  host::DeviceAllow listed = TRY(systemd.device_allow(container.unit));
  if (policy == "auto" && listed.empty()) {
    return fail(Error::Kind::unsupported,
                fmt::format("systemd denies nothing in {} (DevicePolicy=auto, "
                            "no list): an entry would deny all the rest",
                            shown(container.unit)));
  }
  return listed;
}

Result<Action::Checked> check_scope(const host::Host& host,
                                    host::Systemd& systemd,
                                    Container& container) {
  TRY_VOID(check_place(host, systemd, container));
  const host::DeviceAllow listed = TRY(list_that_denies(systemd, container));
  Action::Checked out;
  out.undo.set("list", to_json(listed));
  if (!lists_all(listed, container.grants)) return out;
  TRY_VOID(containers::look_again(host, container));
  if (containers::access_now(container) == Now::allowed) {
    out.already = true;
    out.text = nodes_in_words(container) + " open, and systemd's list for " +
               container.unit + " has them";
  }
  return out;
}

Result<Action::Checked> check(const host::Host& host, const Step& step) {
  Container container = TRY(container_of(step.arguments));
  TRY_VOID(check_kind(host, container));
  if (!is_alive(host, container)) return has_ended();
  host::Systemd systemd = TRY(host::Systemd::connect(host.self));
  auto checked = check_scope(host, systemd, container);
  if (!checked) return explained(host, container, checked.error());
  return checked;
}

Result<void> take_back(host::Systemd& systemd, const Container& container,
                       const host::DeviceAllow& former) {
  const host::DeviceAllow listed = TRY(systemd.device_allow(container.unit));
  const host::DeviceAllow wanted = taken_back(listed, former, container.grants);
  if (wanted == listed) return {};
  if (wanted.empty()) {
    return fail(Error::Kind::unsupported,
                fmt::format("the list of {} was empty before; emptying it "
                            "again could allow everything, so it stays",
                            container.unit));
  }
  return systemd.replace_device_allow(container.unit, wanted);
}

Result<void> add(const host::Host& host, host::Systemd& systemd,
                 const Container& container) {
  // Both may have changed since the check.
  TRY_VOID(check_place(host, systemd, container));
  const host::DeviceAllow listed = TRY(list_that_denies(systemd, container));
  TRY_VOID(systemd.add_device_allow(container.unit,
                                    entries_for(listed, container.grants)));
  // systemd says yes before it changes the cgroup, but changes it before it
  // answers anything else.
  const host::DeviceAllow now = TRY(systemd.device_allow(container.unit));
  if (!is_alive(host, container)) {
    // It ended meanwhile: whatever has the unit's name by now may be another
    // container, which was granted nothing.
    TRY_VOID(take_back(systemd, container, listed));
    return has_ended();
  }
  if (!lists_all(now, container.grants)) {
    return fail(
        Error::Kind::system,
        "systemd said yes and did not take the entries for " + container.unit);
  }
  return {};
}

Result<void> run(const host::Host& host, const Step& step) {
  const Container container = TRY(container_of(step.arguments));
  TRY_VOID(check_kind(host, container));
  if (!is_alive(host, container)) return has_ended();
  host::Systemd systemd = TRY(host::Systemd::connect(host.self));
  auto added = add(host, systemd, container);
  if (!added) return explained(host, container, added.error());
  return added;
}

// For a paused container, in which nobody can ask: what each program says. On
// cgroup v1 the kernel's list stands in the place of a program.
Result<std::string> verified_by_programs(const Container& container) {
  for (const NodeAccess& node : container.nodes) {
    if (node.now == Now::unknown && !container.frozen) {
      return fail(Error::Kind::system, fmt::format("{} could not be tested: {}",
                                                   node.grant.path, node.why));
    }
  }
  const bool all_known =
      !container.programs.empty() &&
      std::ranges::all_of(container.programs, [](const DeviceProgram& each) {
        return each.denies && each.denies->empty();
      });
  if (!all_known) {
    const std::string denied = containers::who_denies(container);
    return fail(Error::Kind::system,
                "it is paused and cannot be tested from inside; " +
                    (denied.empty() ? "its device programs could not be read"
                                    : denied));
  }
  return "every device program allows " + nodes_in_words(container) +
         "; not tested from inside, since it is paused";
}

Result<std::string> judge(const Container& container) {
  if (containers::access_now(container) == Now::allowed) {
    return fmt::format("tested from inside: {} open{} again",
                       nodes_in_words(container),
                       container.nodes.size() == 1 ? "s" : "");
  }
  if (containers::access_now(container) == Now::unknown) {
    return verified_by_programs(container);
  }
  const std::string who = containers::who_denies(container);
  return fail(Error::Kind::denied, "tested from inside: still denied" +
                                       (who.empty() ? who : "; " + who));
}

Result<std::string> verify(const host::Host& host, const Step& step) {
  constexpr int kLooks = 5;
  constexpr timespec kPause{0, 20'000'000};
  Container container = TRY(container_of(step.arguments));
  for (int look = 1;; ++look) {
    if (!is_alive(host, container)) return has_ended();
    TRY_VOID(containers::look_again(host, container));
    if (containers::access_now(container) != Now::denied || look == kLooks) {
      return judge(container);
    }
    ::nanosleep(&kPause, nullptr);
  }
}

Result<void> undo(const host::Host& host, const Step& step, const Json& undo) {
  const Container container = TRY(container_of(step.arguments));
  if (!is_alive(host, container)) return has_ended();
  host::Systemd systemd = TRY(host::Systemd::connect(host.self));
  auto done = take_back(systemd, container, list_of(undo["list"]));
  if (!done) return explained(host, container, done.error());
  return done;
}

}  // namespace

const Action& restore_access() {
  static constexpr Action kAction{
      .name = kRestoreAccess,
      .what = "lets a running container have its GPU again",
      .ends_with_boot = true,
      .check = check,
      .run = run,
      .verify = verify,
      .undo = undo};
  return kAction;
}

}  // namespace gpuward::action
