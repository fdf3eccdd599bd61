#include "action/restart_kubelet.h"

#include <fmt/core.h>
#include <time.h>

#include <algorithm>

#include "base/text.h"
#include "evidence/device_plugin.h"
#include "evidence/kubelet_admissions.h"
#include "evidence/kubelet_log.h"
#include "host/systemd.h"
#include "host/task.h"
#include "plan/plan_kubelet.h"

namespace gpuward::action {
namespace {

constexpr std::string_view kUnit = "kubelet.service";
// The pod is rejected within moments of the plugin's end; a plugin that starts
// anew takes seconds.
constexpr Millis kByItself = 30s;
// systemd gives it 90 s to end, by default.
constexpr Millis kRestart = 100s;
constexpr Millis kAfterRestart = 60s;
constexpr Millis kBetweenLooks = 500ms;

void pause_for(Millis duration) {
  const timespec pause{0, duration.count() * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

int pid_of(const Step& step) {
  return static_cast<int>(step.arguments["pid"].as_integer());
}

bool old_one_runs(const host::Host& host, const Step& step) {
  const auto start =
      static_cast<uint64_t>(step.arguments["start_time"].as_integer());
  return host::is_same_task(host.evidence, pid_of(step), start);
}

std::vector<int> plugins_of(const Step& step) {
  std::vector<int> out;
  for (const Json& pid : step.arguments["plugins"].as_array()) {
    out.push_back(static_cast<int>(pid.as_integer()));
  }
  return out;
}

std::optional<std::string> wait_for_admission(const host::Host& host,
                                              const Step& step,
                                              Millis patience) {
  const Boot deadline = BootClock::now() + patience;
  for (;;) {
    auto done = completed_admission(host, plugins_of(step));
    if (done || BootClock::now() >= deadline) return done;
    pause_for(kBetweenLooks);
  }
}

// Of the unit, once it is another one than the old.
Result<int> new_process(const host::Host& host, const Step& step) {
  const Boot deadline = BootClock::now() + kRestart;
  for (;;) {
    host::Systemd systemd = TRY(host::Systemd::connect(host.self));
    const int pid = TRY(systemd.main_pid(std::string(kUnit)));
    if (pid != 0 && !(pid == pid_of(step) && old_one_runs(host, step))) {
      return pid;
    }
    if (BootClock::now() >= deadline) {
      return fail(Error::Kind::system, old_one_runs(host, step)
                                           ? "the kubelet was not restarted"
                                           : "the kubelet ended, and systemd "
                                             "did not start it again");
    }
    pause_for(kBetweenLooks);
  }
}

Result<Action::Checked> check(const host::Host& host, const Step& step) {
  if (host.simulated) {
    return fail(Error::Kind::unsupported, "a simulated node has no kubelet");
  }
  if (step.arguments["unit"].as_string() != kUnit) {
    return fail(Error::Kind::unsupported,
                fmt::format("only {} is restarted", kUnit));
  }
  if (!old_one_runs(host, step)) {
    return Action::Checked{.already = true,
                           .undo = {},
                           .text = "the kubelet was restarted meanwhile"};
  }
  if (const auto done = wait_for_admission(host, step, kByItself)) {
    return Action::Checked{
        .already = true, .undo = {}, .text = "not needed: " + *done};
  }
  host::Systemd systemd = TRY(host::Systemd::connect(host.self));
  const int pid = TRY(systemd.main_pid(std::string(kUnit)));
  if (pid != pid_of(step)) {
    return fail(Error::Kind::unsupported,
                fmt::format("process {} is not the first one of {}",
                            pid_of(step), kUnit));
  }
  return Action::Checked{};
}

Result<void> run(const host::Host& host, const Step&) {
  host::Systemd systemd = TRY(host::Systemd::connect(host.self));
  return systemd.restart_unit(std::string(kUnit));
}

Result<std::string> verify(const host::Host& host, const Step& step) {
  const int pid = TRY(new_process(host, step));
  const auto done = wait_for_admission(host, step, kAfterRestart);
  if (!done) {
    return fail(Error::Kind::timeout,
                fmt::format("restarted (process {} now), and no admission "
                            "completed within {}",
                            pid, to_words(kAfterRestart)));
  }
  return fmt::format("restarted (process {} now): {}", pid, *done);
}

Result<void> undo(const host::Host& host, const Step& step, const Json&) {
  if (old_one_runs(host, step)) return {};  // nothing was done
  return fail(Error::Kind::unsupported, "a restart cannot be undone");
}

}  // namespace

std::optional<std::string> completed_admission(
    const host::Host& host, const std::vector<int>& plugins) {
  const evidence::Collected log = evidence::collect_kubelet_log(host);
  const auto last =
      evidence::admission_in(log.evidence, host.evidence, wall_now());
  if (last && last->completed && !last->waits) {
    return "the kubelet's admission loop goes on: " +
           printable(trim(last->since.text), 300);
  }
  const auto now = evidence::find_device_plugins(host.evidence);
  if (!now) return std::nullopt;
  for (const evidence::PluginProcess& each : *now) {
    if (std::ranges::find(plugins, each.pid) != plugins.end()) continue;
    return fmt::format(
        "the kubelet started the device plugin anew (process {}), for which "
        "its loop must have come round",
        each.pid);
  }
  return std::nullopt;
}

const Action& restart_kubelet() {
  static constexpr Action kAction{
      .name = plan::kRestartKubelet,
      .what = "restarts the kubelet where no admission completes",
      .ends_with_boot = true,
      .check = check,
      .run = run,
      .verify = verify,
      .undo = undo};
  return kAction;
}

}  // namespace gpuward::action
