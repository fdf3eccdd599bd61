#include "probe/ending.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "evidence/tasks.h"
#include "host/task.h"

namespace gpuward::probe {
namespace {

bool has_gone(const Fd& process, Millis within) {
  pollfd watch{process.get(), POLLIN, 0};
  return ::poll(&watch, 1, static_cast<int>(within.count())) == 1;
}

// The same task still, and still in a state in which a signal is harmless.
bool may_be_signalled(const Host& host, int pid, uint64_t start_time) {
  if (!is_same_task(host.self, pid, start_time)) return false;
  const auto task = inspect_task(host.self, pid);
  return task && may_be_ended(*task);
}

void signal_process(const Fd& process, int signal) {
  ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

}  // namespace

bool may_be_ended(const StuckTask& task) {
  if (task.state == 'S' || task.state == 'T' || task.state == 't') return true;
  return task.state == 'R' && task.where == "user";
}

bool end_prober(const Host& host, int pid, uint64_t start_time, Millis grace) {
  // The pidfd pins the task: nobody else can be hit once the check has passed.
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) return true;
  bool gone = false;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (!may_be_signalled(host, pid, start_time)) break;
    signal_process(process, signal);
    gone = has_gone(process, grace);
    if (gone) break;
  }
  ::waitpid(pid, nullptr, WNOHANG);  // if it is ours
  return gone || !is_same_task(host.self, pid, start_time);
}

}  // namespace gpuward::probe
