#include "evidence/device_plugin.h"

#include <fmt/core.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "evidence/boot.h"
#include "evidence/task_files.h"
#include "evidence/tasks.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "device-plugin";
// TASK_COMM_LEN cuts names at 15 characters.
constexpr std::string_view kComm = "nvidia-device-p";
constexpr Millis kSecondLook = 20ms;

// A thread in state D, and how far it was.
struct Waiting {
  int tid = 0;
  std::string switches;
};

std::vector<Waiting> threads_in_d(const host::Root& root, int pid) {
  std::vector<Waiting> out;
  for (const int tid : threads_of(root, pid)) {
    const TaskFolder folder{pid, tid};
    const auto stat = stat_of(root, folder);
    if (stat && stat->state == 'D') {
      out.push_back({tid, switches_of(root, folder)});
    }
  }
  return out;
}

void look_for_stuck(const host::Root& root, PluginProcess& plugin) {
  const auto waiting = threads_in_d(root, plugin.pid);
  if (waiting.empty()) return;
  const timespec pause{0, kSecondLook.count() * 1'000'000};
  ::nanosleep(&pause, nullptr);
  for (const Waiting& each : waiting) {
    const TaskFolder folder{plugin.pid, each.tid};
    const auto stat = stat_of(root, folder);
    if (!stat || stat->state != 'D') continue;
    if (switches_of(root, folder) != each.switches) continue;
    const StuckTask task = describe(root, folder, *stat);
    if (!task.in_driver) continue;
    plugin.state = PluginProcess::State::stuck;
    plugin.where = in_words(task);
    return;
  }
}

std::string cgroup_of(const host::Root& root, int pid) {
  const auto text =
      root.read(fmt::format("/proc/{}/cgroup", pid), size_t{16} << 10);
  if (!text) return {};
  // "N:controllers:PATH"; v2's line is "0::PATH". In hierarchies that nobody
  // uses it is "/".
  std::string_view longest;
  for (const std::string_view line : split(*text, '\n')) {
    const size_t second = line.find(':', line.find(':') + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view path = line.substr(second + 1);
    if (path.size() > longest.size()) longest = path;
  }
  return std::string(longest);
}

PluginProcess look_at(const host::Root& root, int pid,
                      const host::TaskStat& stat) {
  PluginProcess out;
  out.pid = pid;
  out.start_time = stat.start_time;
  out.comm = printable(stat.comm, 64);
  out.cgroup = printable(cgroup_of(root, pid), 1000);
  if (const auto uptime = uptime_seconds(root)) {
    const auto started = static_cast<double>(stat.start_time) /
                         static_cast<double>(::sysconf(_SC_CLK_TCK));
    out.age = Millis(static_cast<int64_t>((*uptime - started) * 1000));
  }
  if (stat.state == 'T' || stat.state == 't') {
    out.state = PluginProcess::State::stopped;
  } else {
    look_for_stuck(root, out);
  }
  return out;
}

std::string_view name_of(PluginProcess::State state) {
  switch (state) {
    case PluginProcess::State::stuck:
      return "stuck";
    case PluginProcess::State::stopped:
      return "stopped";
    case PluginProcess::State::running:
      break;
  }
  return "running";
}

}  // namespace

Result<std::vector<PluginProcess>> find_device_plugins(const host::Root& root) {
  std::vector<PluginProcess> out;
  for (const std::string& name : TRY(root.list("/proc"))) {
    const auto pid = to_number<int>(name);
    if (!pid) continue;
    const auto stat = host::task_stat(root, *pid);
    if (!stat || !stat->comm.starts_with(kComm) || stat->state == 'Z') continue;
    out.push_back(look_at(root, *pid, *stat));
  }
  return out;
}

std::string unit_of_task(const host::Root& root, int pid) {
  std::string unit;
  const std::string cgroup = cgroup_of(root, pid);
  for (const std::string_view part : split(cgroup, '/')) {
    if (part.ends_with(".service")) unit = printable(part, 200);
  }
  return unit;
}

int find_task_named(const host::Root& root, std::string_view comm) {
  const auto names = root.list("/proc");
  if (!names) return 0;
  for (const std::string& name : *names) {
    const auto pid = to_number<int>(name);
    if (!pid) continue;
    const auto stat = host::task_stat(root, *pid);
    if (stat && stat->comm == comm && stat->state != 'Z') return *pid;
  }
  return 0;
}

std::string in_words(const PluginProcess& plugin) {
  const std::string who =
      fmt::format("device plugin {} (pid {}, up {})", plugin.comm, plugin.pid,
                  to_words(plugin.age));
  switch (plugin.state) {
    case PluginProcess::State::stuck:
      return who + ": " + plugin.where;
    case PluginProcess::State::stopped:
      return who + " is stopped by a signal (state T)";
    case PluginProcess::State::running:
      break;
  }
  return who +
         " runs; no thread of it sits in the driver, which does not tell "
         "whether it answers";
}

Collected collect_device_plugin(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  const auto found = find_device_plugins(root);
  if (!found) {
    out.gaps.push_back(gap_of(kSource, found.error()));
    return out;
  }
  if (found->empty()) {
    if (!root.exists("/var/lib/kubelet")) return out;
    out.evidence.push_back(node_fact(kSource, fact::kDevicePluginTask, "absent",
                                     "no process of NVIDIA's device plugin"));
    return out;
  }
  const auto worst = std::ranges::max_element(
      *found, {}, [](const PluginProcess& each) { return each.state; });
  out.evidence.push_back(node_fact(kSource, fact::kDevicePluginTask,
                                   std::string(name_of(worst->state)),
                                   in_words(*worst)));
  return out;
}

}  // namespace gpuward::evidence
