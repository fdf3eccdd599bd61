#include "agent/cgroup_driver.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/diff.h"
#include "base/text.h"
#include "evidence/kubelet_config.h"
#include "plan/config_text.h"

namespace gpuward::agent {
namespace {

constexpr std::string_view kWhat = "switch to the cgroupfs driver";
constexpr std::string_view kCgroupfs = "cgroupfs";
constexpr std::string_view kSystemd = "systemd";
constexpr std::string_view kMakeAnew =
    "make the containers anew: those that exist keep the driver under which "
    "they were made";
// Sorts after what packages and the NVIDIA toolkit put there.
constexpr std::string_view kCrioDropIn = "99-gpuward-cgroup-manager.conf";
constexpr std::string_view kCrioText =
    "# Written by \"gpuward repair runtime-cgroup-driver\"; its --undo removes "
    "it.\n"
    "[crio.runtime]\n"
    "cgroup_manager = \"cgroupfs\"\n"
    "conmon_cgroup = \"pod\"\n";

using Drivers = std::vector<evidence::CgroupDriver>;
using Changes = std::vector<CgroupDriverPlan::Change>;

bool is_systemd(const evidence::CgroupDriver& driver) {
  return driver.driver == kSystemd;
}

std::optional<std::string> why_the_kubelet_forbids_it(
    const evidence::ConfigFiles& files) {
  const evidence::KubeletConfig kubelet = evidence::read_kubelet_config(files);
  if (!kubelet.present) return std::nullopt;
  const evidence::KubeletSetting& driver = kubelet.cgroup_driver;
  if (driver.value == kCgroupfs) return std::nullopt;
  if (driver.value == kSystemd) {
    return fmt::format(
        "the kubelet uses the systemd cgroup driver ({} in {}); both must be "
        "the same",
        driver.key, driver.file);
  }
  return fmt::format(
      "there is a kubelet here ({}), and its cgroup driver cannot be told "
      "({}); "
      "both must be the same",
      kubelet.sign,
      driver.value.empty() ? driver.why : "\"" + driver.value + "\"");
}

// A file under the text that the changes so far gave it.
Result<action::FileText> text_of(const evidence::ConfigFiles& files,
                                 const Changes& changes,
                                 const std::string& path) {
  for (const auto& change : changes) {
    if (change.path == path) return change.after;
  }
  return action::read_for_edit(files.root(), path);
}

void put_change(Changes& changes, const std::string& path,
                action::FileText before, std::string after) {
  for (auto& change : changes) {
    if (change.path != path) continue;
    change.after = std::move(after);
    return;
  }
  changes.push_back({path, std::move(before), std::move(after)});
}

// Where a flag says it, a file of configuration cannot.
Result<void> check_no_flag(const evidence::CgroupDriver& driver) {
  if (!driver.is_flag()) return {};
  return fail(Error::Kind::unsupported,
              fmt::format("{} in {} says so: change it there, units are not "
                          "edited",
                          driver.key.front(), driver.file));
}

Result<Changes> change_docker(const evidence::ConfigFiles& files,
                              const Drivers& drivers) {
  Changes out;
  TRY_VOID(check_no_flag(drivers.front()));
  if (const auto unit = evidence::docker_exec_opt_file(files.root())) {
    return fail(Error::Kind::unsupported,
                *unit +
                    " gives dockerd an --exec-opt, and dockerd does not start "
                    "where its file has \"exec-opts\" as well: add --exec-opt "
                    "native.cgroupdriver=cgroupfs there, units are not edited");
  }
  const std::string path = evidence::docker_config_file(files.root());
  action::FileText before = TRY(text_of(files, out, path));
  auto after = plan::set_exec_option(before ? *before : std::string(),
                                     "native.cgroupdriver", kCgroupfs);
  if (!after) return wrap(std::move(after).error(), path);
  put_change(out, path, std::move(before), std::move(*after));
  return out;
}

Result<Changes> change_containerd(const evidence::ConfigFiles& files,
                                  const Drivers& drivers) {
  Changes out;
  for (const evidence::CgroupDriver& driver : drivers) {
    if (!is_systemd(driver)) continue;
    action::FileText before = TRY(text_of(files, out, driver.file));
    if (!before) return fail(Error::Kind::gone, driver.file + " is gone");
    auto after = plan::set_toml_flag(*before, driver.key, false);
    if (!after) return wrap(std::move(after).error(), driver.file);
    put_change(out, driver.file, std::move(before), std::move(*after));
  }
  return out;
}

Result<Changes> change_crio(const evidence::ConfigFiles& files,
                            const Drivers& drivers) {
  Changes out;
  TRY_VOID(check_no_flag(drivers.front()));
  const std::string path =
      fmt::format("{}/{}", evidence::kCrioDropIns, kCrioDropIn);
  action::FileText before = TRY(text_of(files, out, path));
  put_change(out, path, std::move(before), std::string(kCrioText));
  return out;
}

// What the reader says of the files as they would be.
Result<void> check_result(const evidence::ConfigFiles& files,
                          const Changes& changes,
                          Drivers (*read)(const evidence::ConfigFiles&)) {
  evidence::ConfigFiles then = files;
  for (const auto& change : changes) {
    then.put(change.path, change.after.value_or(std::string()));
  }
  for (const evidence::CgroupDriver& driver : read(then)) {
    if (driver.driver == kCgroupfs) continue;
    return fail(Error::Kind::unsupported,
                "after the edit it would still be so: " + in_words(driver));
  }
  return {};
}

std::vector<std::string> then_docker(const evidence::ConfigFiles& files) {
  const auto live = evidence::docker_live_restore(files);
  std::string what = "stops all of its containers";
  if (live == true) what = "leaves containers running (live-restore is on)";
  if (!live) what = "may stop all of its containers (live-restore not known)";
  return {"systemctl restart docker: " + what};
}

std::vector<std::string> then_containerd(
    const evidence::ConfigFiles& /*files*/) {
  return {"systemctl restart containerd: leaves containers running"};
}

std::vector<std::string> then_crio(const evidence::ConfigFiles& /*files*/) {
  return {"systemctl restart crio: leaves containers running"};
}

struct Runtime {
  std::string_view name;
  Drivers (*read)(const evidence::ConfigFiles&);
  Result<Changes> (*change)(const evidence::ConfigFiles&, const Drivers&);
  std::vector<std::string> (*then)(const evidence::ConfigFiles&);
};

constexpr Runtime kRuntimes[] = {
    {"docker", evidence::read_docker_driver, change_docker, then_docker},
    {"containerd", evidence::read_containerd_drivers, change_containerd,
     then_containerd},
    {"cri-o", evidence::read_crio_driver, change_crio, then_crio},
};

void refuse(CgroupDriverPlan& out, std::string_view runtime,
            const std::string& why) {
  out.plan.refusals.push_back(
      {Subject{}, fmt::format("{}: {}", runtime, kWhat), why});
}

Result<void> add_steps(CgroupDriverPlan& out, std::string_view runtime,
                       Changes changes) {
  std::vector<Step> steps;
  for (const auto& change : changes) {
    Step step = TRY(action::edit_file_step(change.path, change.before,
                                           change.after, kCgroupDriverEdit));
    step.text = fmt::format("{}: {} in {}", runtime, kWhat, change.path);
    steps.push_back(std::move(step));
  }
  std::ranges::move(steps, std::back_inserter(out.plan.steps));
  std::ranges::move(changes, std::back_inserter(out.changes));
  return {};
}

Result<void> plan_runtime(CgroupDriverPlan& out,
                          const evidence::ConfigFiles& files,
                          const Runtime& runtime, const Drivers& drivers) {
  Changes changes = TRY(runtime.change(files, drivers));
  TRY_VOID(check_result(files, changes, runtime.read));
  TRY_VOID(add_steps(out, runtime.name, std::move(changes)));
  std::ranges::move(runtime.then(files), std::back_inserter(out.then));
  return {};
}

void consider(CgroupDriverPlan& out, const evidence::ConfigFiles& files,
              const Runtime& runtime) {
  const Drivers drivers = runtime.read(files);
  const auto unknown =
      std::ranges::find(drivers, "", &evidence::CgroupDriver::driver);
  if (unknown != drivers.end()) {
    const std::string& handler = unknown->handler;
    refuse(out, runtime.name,
           fmt::format("which driver it uses{} is not known: {}",
                       handler.empty() ? "" : " for " + handler, unknown->why));
    return;
  }
  if (std::ranges::none_of(drivers, is_systemd)) {
    for (const evidence::CgroupDriver& driver : drivers) {
      out.as_it_is.push_back(in_words(driver));
    }
    return;
  }
  const auto done = plan_runtime(out, files, runtime, drivers);
  if (!done) refuse(out, runtime.name, done.error().text);
}

void add_warnings(CgroupDriverPlan& out, const evidence::ConfigFiles& files) {
  const bool docker = std::ranges::any_of(out.then, [](const auto& line) {
    return line.starts_with("systemctl restart docker");
  });
  if (docker && evidence::docker_prefers_systemd(files.root())) {
    out.warnings.emplace_back(
        "Docker's documentation recommends the systemd driver where systemd is "
        "the init and cgroup v2 is used");
  }
  for (const evidence::CgroupDriver& driver :
       evidence::read_podman_driver(files)) {
    if (driver.driver == kCgroupfs) continue;
    out.as_it_is.push_back(in_words(driver) +
                           ": not changed; with crun its containers keep their "
                           "devices");
  }
}

}  // namespace

std::string diff_of(const CgroupDriverPlan& plan) {
  constexpr std::string_view kNone = "/dev/null";  // path: as diff -u says it
  std::string out;
  for (const auto& change : plan.changes) {
    out += unified_diff(change.before.value_or(std::string()),
                        change.after.value_or(std::string()),
                        change.before ? std::string_view(change.path) : kNone,
                        change.after ? std::string_view(change.path) : kNone);
  }
  return out;
}

CgroupDriverPlan plan_cgroup_driver(const evidence::ConfigFiles& files) {
  CgroupDriverPlan out;
  for (const Runtime& runtime : kRuntimes) consider(out, files, runtime);
  add_warnings(out, files);
  if (out.as_it_is.empty() && out.plan == Plan{}) {
    out.as_it_is.emplace_back(
        "there is no Docker, no CRI-O and no containerd with CRI here whose "
        "driver could be changed");
  }
  if (out.plan.steps.empty()) return out;
  if (const auto why = why_the_kubelet_forbids_it(files)) {
    CgroupDriverPlan refused;
    refused.plan.refusals = std::move(out.plan.refusals);
    refused.as_it_is = std::move(out.as_it_is);
    refuse(refused, "the runtimes", *why);
    return refused;
  }
  out.then.emplace_back(kMakeAnew);
  return out;
}

namespace {

// The newest edit of each file that was done, unless it took one back.
std::vector<Step> edits_to_take_back(
    const std::vector<ledger::LedgerEntry>& entries) {
  std::vector<Step> out;
  std::set<std::string> seen;
  for (const ledger::LedgerEntry& entry : entries) {
    if (entry.kind != "outcome" || entry.what["state"].as_string() != "done") {
      continue;
    }
    const Json& json = entry.what["step"];
    const std::string_view purpose = json["arguments"]["purpose"].as_string();
    if (json["action"].as_string() != action::kEditFile.name ||
        (purpose != kCgroupDriverEdit && purpose != kCgroupDriverUndo)) {
      continue;
    }
    const std::string path(json["arguments"]["path"].as_string());
    if (!seen.insert(path).second || purpose == kCgroupDriverUndo) continue;
    Step step;
    step.action = action::kEditFile.name;
    step.arguments = json["arguments"];
    out.push_back(std::move(step));
  }
  return out;
}

// What was done to the file since our edit, if the text before it was kept.
std::string what_changed(const host::Host& host, const Step& edit,
                         const action::FileText& now) {
  const std::string path(edit.arguments["path"].as_string());
  action::FileText before;
  if (!edit.arguments["before"].is_null()) {
    auto kept = host.self.read(action::backup_of(host, edit));
    if (!kept) return "what it was cannot be read: " + kept.error().text;
    before = std::move(*kept);
  }
  const auto ours = action::text_after(edit, before);
  if (!ours) return "what was kept of it is damaged";
  return unified_diff(ours->value_or(std::string()),
                      now.value_or(std::string()), path + " as gpuward left it",
                      now ? path : path + ", which is gone");
}

Result<void> plan_take_back(CgroupDriverPlan& out, const host::Host& host,
                            const Step& edit) {
  const std::string path(edit.arguments["path"].as_string());
  const action::FileText now = TRY(action::read_for_edit(host.evidence, path));
  const auto before = action::text_before(edit, now);
  if (!before) {
    return fail(Error::Kind::busy,
                fmt::format("{} was changed by somebody since:\n{}", path,
                            what_changed(host, edit, now)));
  }
  Step step =
      TRY(action::edit_file_step(path, now, *before, kCgroupDriverUndo));
  step.text = *before ? "bring back the former " + path
                      : "remove " + path + ", which gpuward had made";
  out.plan.steps.push_back(std::move(step));
  out.changes.push_back({path, now, *before});
  return {};
}

const Runtime& runtime_of(const host::Root& root, std::string_view path) {
  const std::string_view name =
      path == evidence::docker_config_file(root) ? "docker"
      : path.starts_with(evidence::kCrioDropIns) ? "cri-o"
                                                 : "containerd";
  return *std::ranges::find(kRuntimes, name, &Runtime::name);
}

std::vector<std::string> then_after_undo(const host::Root& root,
                                         const Changes& changes) {
  std::vector<std::string> out;
  for (const auto& change : changes) {
    for (std::string& line :
         runtime_of(root, change.path).then(evidence::ConfigFiles(root))) {
      if (std::ranges::find(out, line) == out.end()) {
        out.push_back(std::move(line));
      }
    }
  }
  out.emplace_back(kMakeAnew);
  return out;
}

}  // namespace

CgroupDriverPlan plan_cgroup_driver_undo(
    const host::Host& host, const std::vector<ledger::LedgerEntry>& entries) {
  CgroupDriverPlan out;
  for (const Step& edit : edits_to_take_back(entries)) {
    const auto done = plan_take_back(out, host, edit);
    if (!done) {
      out.plan.refusals.push_back(
          {Subject{}, "take back the cgroupfs driver", done.error().text});
    }
  }
  if (out.plan == Plan{}) {
    out.as_it_is.emplace_back(
        "there is nothing to take back: gpuward made no such edit here, or has "
        "taken it back");
  }
  if (out.plan.steps.empty()) return out;
  out.then = then_after_undo(host.evidence, out.changes);
  return out;
}

}  // namespace gpuward::agent
