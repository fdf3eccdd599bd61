#include "probe/ending.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/fd.h"
#include "evidence/tasks.h"
#include "host/task.h"

namespace gpuward::probe {
namespace {

// Without a pidfd (an old kernel, a seccomp profile) by looking again and
// again.
bool has_gone(const host::Host& host, const Fd& process, int pid,
              uint64_t start_time, Millis within) {
  if (process.valid()) {
    pollfd watch{process.get(), POLLIN, 0};
    return ::poll(&watch, 1, static_cast<int>(within.count())) == 1;
  }
  constexpr int kLook = 10;
  for (const Boot end = BootClock::now() + within; BootClock::now() < end;) {
    if (!host::is_same_task(host.self, pid, start_time)) return true;
    ::poll(nullptr, 0, kLook);
  }
  return false;
}

// Still the same task, and not in the kernel now. Where it spins was looked at
// once, since that takes its time on a busy machine.
bool may_be_signalled(const host::Host& host, int pid, uint64_t start_time) {
  const auto stat = host::task_stat(host.self, pid);
  return stat && stat->start_time == start_time && stat->state != 'D';
}

void signal_process(const Fd& process, int pid, int signal) {
  if (process.valid()) {
    ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
  } else {
    ::kill(pid, signal);
  }
}

}  // namespace

bool may_be_ended(const StuckTask& task) {
  if (task.state == 'S' || task.state == 'T' || task.state == 't') return true;
  return task.state == 'R' && task.where == "user";
}

bool end_prober(const host::Host& host, int pid, uint64_t start_time,
                Millis grace, const std::optional<StuckTask>& seen) {
  // The pidfd pins the task: nobody else can be hit once the check has passed.
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid() && errno == ESRCH) return true;
  const auto task =
      seen ? Result<StuckTask>(*seen) : evidence::inspect_task(host.self, pid);
  bool gone = false;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (gone || !task || !may_be_ended(*task) ||
        !may_be_signalled(host, pid, start_time)) {
      break;
    }
    signal_process(process, pid, signal);
    gone = has_gone(host, process, pid, start_time, grace);
  }
  ::waitpid(pid, nullptr, WNOHANG);  // if it is ours
  return gone || !host::is_same_task(host.self, pid, start_time);
}

}  // namespace gpuward::probe
