// /proc/PID of the tasks that a scenario shows.
#include <fmt/core.h>

#include <algorithm>

#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

std::string_view state_word(char state) {
  switch (state) {
    case 'R':
      return "running";
    case 'D':
      return "disk sleep";
    case 'T':
      return "stopped";
    case 'Z':
      return "zombie";
    case 'I':
      return "idle";
    default:
      return "sleeping";
  }
}

// 52 fields; field 22 counts clock ticks of 10 ms since boot.
std::string stat_text(const Task& task, Millis uptime) {
  const auto ticks = std::max<int64_t>(1, (uptime - task.age).count() / 10);
  return fmt::format(
      "{0} ({1}) {2} {3} {0} {0} 0 -1 4194560 2210 0 12 0 84 31 0 0 20 0 11 0 "
      "{4} 1284112384 9120 18446744073709551615 1 1 0 0 0 0 0 4096 17479 0 0 0 "
      "17 3 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
      task.pid, task.comm, task.state, task.parent, ticks);
}

std::string status_text(const Task& task) {
  return fmt::format(
      "Name:\t{1}\nUmask:\t0022\nState:\t{2} ({3})\nTgid:\t{0}\nNgid:\t0\n"
      "Pid:\t{0}\nPPid:\t{4}\nTracerPid:\t0\nUid:\t0\t0\t0\t0\n"
      "Gid:\t0\t0\t0\t0\nFDSize:\t64\nNSpid:\t{0}\nVmRSS:\t   36480 kB\n"
      "Threads:\t1\nSigPnd:\t0000000000000000\nvoluntary_ctxt_switches:\t812\n"
      "nonvoluntary_ctxt_switches:\t44\n",
      task.pid, task.comm, task.state, state_word(task.state), task.parent);
}

std::string stack_text(const Task& task) {
  std::string out;
  for (const std::string& frame : task.stack) {
    out += fmt::format("[<0>] {}\n", frame);
  }
  return out;
}

Result<void> render_files(const Task& task, const std::string& base,
                          const Tree& root) {
  int number = 0;
  for (const std::string_view name :
       {"/dev/null", "pipe:[40211]", "pipe:[40212]"}) {
    TRY_VOID(root.link(fmt::format("{}fd/{}", base, number++), name));
  }
  for (const std::string& name : task.files) {
    TRY_VOID(root.link(fmt::format("{}fd/{}", base, number++), name));
  }
  return {};
}

Result<void> render_task(const Task& task, Millis uptime, const Tree& root) {
  const std::string base = fmt::format("/proc/{}/", task.pid);
  const std::string thread = fmt::format("{}task/{}/", base, task.pid);
  for (const std::string& place : {base, thread}) {
    TRY_VOID(root.file(place + "stat", stat_text(task, uptime)));
    TRY_VOID(root.file(place + "status", status_text(task)));
    TRY_VOID(root.file(place + "comm", task.comm + "\n"));
    // The kernel writes no newline here, and 0 for a task that does not wait.
    TRY_VOID(root.file(place + "wchan", task.wchan.empty() ? "0" : task.wchan));
    TRY_VOID(root.file(place + "stack", stack_text(task)));
    TRY_VOID(
        root.file(place + "syscall",
                  (task.syscall.empty() ? "running" : task.syscall) + "\n"));
  }
  TRY_VOID(root.file(base + "cgroup", "0::" + task.cgroup + "\n"));
  return render_files(task, base, root);
}

Task persistenced_task(const Scenario& scenario) {
  Task task;
  task.pid = scenario.persistenced.pid;
  task.comm = "nvidia-persiste";
  task.wchan = "do_sys_poll";
  task.cgroup = "/system.slice/nvidia-persistenced.service";
  task.age = scenario.uptime - 12s;
  if (std::ranges::count(scenario.persistenced.flags,
                         "--no-persistence-mode") == 0) {
    task.files.emplace_back("/dev/nvidiactl");
    for (const sim_gpu& gpu : scenario.gpus) {
      task.files.push_back(fmt::format("/dev/nvidia{}", gpu.minor));
    }
  }
  return task;
}

}  // namespace

std::vector<Task> all_tasks(const Scenario& scenario) {
  Task init;
  init.pid = 1;
  init.parent = 0;
  init.comm = "systemd";
  init.wchan = "ep_poll";
  init.cgroup = "/init.scope";
  init.age = scenario.uptime;
  std::vector<Task> tasks = {init};
  if (scenario.persistenced.running)
    tasks.push_back(persistenced_task(scenario));
  tasks.insert(tasks.end(), scenario.tasks.begin(), scenario.tasks.end());
  return tasks;
}

Result<void> render_tasks(const Scenario& scenario, const Tree& root) {
  for (const Task& task : all_tasks(scenario)) {
    TRY_VOID(render_task(task, scenario.uptime, root));
  }
  if (!scenario.persistenced.running) return {};
  // Only init's and persistenced's command lines are asked for.
  std::string line = "/usr/bin/nvidia-persistenced";
  for (const std::string& flag : scenario.persistenced.flags) {
    line += '\0';
    line += flag;
  }
  line += '\0';
  return root.file(fmt::format("/proc/{}/cmdline", scenario.persistenced.pid),
                   line);
}

}  // namespace gpuward::simulator
