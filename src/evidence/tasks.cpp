#include "evidence/tasks.h"

#include <fmt/core.h>
#include <time.h>

#include <algorithm>

#include "base/text.h"
#include "evidence/task_files.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "tasks";
constexpr Millis kScanTime = 200ms;
constexpr Millis kSecondLook = 20ms;
constexpr Millis kBusyLook = 50ms;
constexpr int kKernelThreads = 2;  // pid of kthreadd

void pause_for(Millis duration) {
  const timespec wait{0, static_cast<long>(duration.count() * 1'000'000)};
  ::nanosleep(&wait, nullptr);
}

struct Process {
  int pid = 0;
  int threads = 0;
};

// A task in state D, and how far it was.
struct Candidate {
  TaskFolder folder;
  host::TaskStat stat;
  std::string switches;
};

class Scan {
 public:
  Scan(const host::Root& root, const std::vector<int>& not_these)
      : root_(root), not_these_(not_these) {}

  TaskScan run() {
    look_at_processes();
    look_at_threads();
    confirm();
    return std::move(out_);
  }

 private:
  bool late() const { return BootClock::now() - started_ > kScanTime; }

  void look_at(const TaskFolder& folder, const host::TaskStat& stat) {
    if (stat.state != 'D') return;
    candidates_.push_back({folder, stat, switches_of(root_, folder)});
  }

  void look_at_processes() {
    const auto names = root_.list("/proc");
    if (!names) return;
    for (const std::string& name : *names) {
      const auto pid = to_number<int>(name);
      if (!pid || std::ranges::find(not_these_, *pid) != not_these_.end()) {
        continue;
      }
      if (late()) {
        ++out_.skipped;
        continue;
      }
      const auto stat = host::task_stat(root_, *pid);
      if (!stat) continue;
      // The driver's own threads wait in it by design.
      if (*pid == kKernelThreads || stat->parent == kKernelThreads) continue;
      look_at({*pid, *pid}, *stat);
      if (stat->threads > 1) processes_.push_back({*pid, stat->threads});
    }
    std::ranges::sort(processes_, {}, &Process::threads);
  }

  void look_at_threads() {
    for (const Process& process : processes_) {
      if (late()) {
        ++out_.skipped;
        continue;
      }
      for (const int tid : threads_of(root_, process.pid)) {
        const TaskFolder folder{process.pid, tid};
        if (tid == process.pid) continue;
        if (const auto stat = stat_of(root_, folder)) look_at(folder, *stat);
      }
    }
  }

  // Whoever is in state D for a moment only has switched meanwhile.
  void confirm() {
    if (candidates_.empty()) return;
    pause_for(kSecondLook);
    for (const Candidate& candidate : candidates_) {
      const auto stat = stat_of(root_, candidate.folder);
      if (!stat || stat->state != 'D' ||
          stat->start_time != candidate.stat.start_time ||
          switches_of(root_, candidate.folder) != candidate.switches) {
        continue;
      }
      StuckTask task = describe(root_, candidate.folder, *stat);
      const bool told = !task.stack.empty() || !task.wchan.empty();
      if (task.in_driver) {
        out_.in_driver.push_back(std::move(task));
      } else if (!told) {
        ++out_.untold;
      }
    }
  }

  const host::Root& root_;             // the caller's
  const std::vector<int>& not_these_;  // the caller's
  const Boot started_ = BootClock::now();
  std::vector<Process> processes_;
  std::vector<Candidate> candidates_;
  TaskScan out_;
};

int rank(char state) { return state == 'D' ? 2 : state == 'R' ? 1 : 0; }

// "kernel" or "user" for a running thread, by where its time goes.
std::string where_it_runs(const host::Root& root, const TaskFolder& folder,
                          const host::TaskStat& before) {
  // On a busy machine it may not get the processor for a while.
  constexpr int kLooks = 12;
  for (int look = 0; look < kLooks; ++look) {
    pause_for(kBusyLook);
    const auto after = stat_of(root, folder);
    if (!after) return {};
    const uint64_t user = after->user_ticks - before.user_ticks;
    const uint64_t kernel = after->system_ticks - before.system_ticks;
    if (user != kernel) return kernel > user ? "kernel" : "user";
  }
  return {};
}

Result<StuckTask> inspect_thread(const host::Root& root,
                                 const TaskFolder& folder,
                                 const host::TaskStat& stat) {
  StuckTask task = describe(root, folder, stat);
  // The process is identified by its main thread.
  task.start_time = TRY(host::task_stat(root, folder.pid)).start_time;
  if (stat.state == 'R') task.where = where_it_runs(root, folder, stat);
  return task;
}

}  // namespace

TaskScan scan_tasks(const host::Root& root, const std::vector<int>& not_these) {
  return Scan(root, not_these).run();
}

Result<StuckTask> inspect_task(const host::Root& proc_root, int pid) {
  TaskFolder chosen{pid, pid};
  host::TaskStat stat = TRY(host::task_stat(proc_root, pid));
  for (const int tid : threads_of(proc_root, pid)) {
    const auto other = stat_of(proc_root, {pid, tid});
    if (other && rank(other->state) > rank(stat.state)) {
      chosen.tid = tid;
      stat = *other;
    }
  }
  return inspect_thread(proc_root, chosen, stat);
}

Result<StuckTask> inspect_main_thread(const host::Root& proc_root, int pid) {
  const host::TaskStat stat = TRY(host::task_stat(proc_root, pid));
  return inspect_thread(proc_root, {pid, pid}, stat);
}

Collected collect_tasks(const host::Host& host) {
  Collected out;
  TaskScan scan = scan_tasks(host.evidence, {});
  // Our own prober is a probe, with facts of its own.
  std::erase_if(scan.in_driver, [](const StuckTask& task) {
    return task.comm.starts_with("gpuward");
  });
  for (const StuckTask& task : scan.in_driver) {
    const std::string text = in_words(task);
    out.evidence.push_back(node_fact(kSource, fact::kHungTask, text, text));
    out.evidence.push_back(node_fact(kSource, fact::kHungInDriver, true, text));
  }
  if (scan.untold > 0) {
    out.gaps.push_back({std::string(kSource),
                        fmt::format("{} tasks in state D: only root can see "
                                    "where they wait",
                                    scan.untold)});
  }
  if (scan.skipped > 0) {
    out.gaps.push_back(
        {std::string(kSource),
         fmt::format("{} processes not looked at, for want of time",
                     scan.skipped)});
  }
  out.tasks = std::move(scan.in_driver);
  return out;
}

std::string in_words(const StuckTask& task) {
  std::string text =
      fmt::format("task {}:{} is in state {}", task.comm, task.tid, task.state);
  if (!task.syscall.empty()) text += " in " + task.syscall;
  if (!task.stack.empty()) {
    text += ": ";
    for (size_t i = 0; i < std::min<size_t>(task.stack.size(), 6); ++i) {
      text += (i > 0 ? " < " : "") + task.stack[i];
    }
  } else if (!task.wchan.empty()) {
    text += ": " + task.wchan;
  }
  return text;
}

}  // namespace gpuward::evidence
