#include "containers/inside_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>

#include "base/text.h"
#include "host/task.h"

namespace gpuward::containers::inside {
namespace {

// A killed task that is not stuck is gone in well under a millisecond.
constexpr Millis kDeathTakes = 50ms;
// One that has answered only takes itself down: slowly on a machine that is
// short of processor time, and one that is not gone would keep the next look
// from taking place.
constexpr Millis kLeavingTakes = 1s;
constexpr timespec kBetweenLooks = {0, 50'000};

int reap(pid_t pid) {
  // No signal is sent at its death (exit signal 0), hence __WALL.
  return ::waitpid(pid, nullptr, WNOHANG | __WALL);
}

// False where it is still there after that time. Nobody else can have its
// number before it is reaped here.
bool wait_for_death(pid_t pid, Millis patience = kDeathTakes) {
  const Boot end = BootClock::now() + patience;
  while (reap(pid) == 0) {
    if (BootClock::now() >= end) return false;
    ::nanosleep(&kBetweenLooks, nullptr);
  }
  return true;
}

// True where all that were at work have let go of the pipe.
bool wait_for_end(int pipe, Millis patience) {
  const Boot end = BootClock::now() + patience;
  while (true) {
    const Millis left = std::max(Millis{0}, end - BootClock::now());
    pollfd waiting = {pipe, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void end_task(pid_t pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  wait_for_death(pid);
}

}  // namespace

Result<SharedReport> SharedReport::make() {
  void* memory = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno(errno, "mapping a report");
  return SharedReport(new (memory) Report{});
}

SharedReport::SharedReport(SharedReport&& other) noexcept
    : report_(std::exchange(other.report_, nullptr)) {}

SharedReport::~SharedReport() {
  if (report_ != nullptr) ::munmap(report_, sizeof(Report));
}

Result<bool> run(Assignment assignment, SharedReport& report, Millis patience) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "making a pipe");
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  assignment.pipe = write_end.get();
  // fork without a signal at its death: the agent's loop has its own children.
  const long child = ::syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0);
  if (child == 0) work(assignment, *report);
  if (child < 0) return fail_errno(errno, "starting a look from inside");
  write_end.reset();
  const bool ended = wait_for_end(read_end.get(), patience);
  // First the one that could make a second, then that one.
  const auto first = static_cast<pid_t>(child);
  if (ended) {
    wait_for_death(first, kLeavingTakes);
    if (report->second > 0) wait_for_death(report->second, kLeavingTakes);
    return true;
  }
  end_task(first);
  end_task(report->second);
  return false;
}

int left_behind(const host::Root& self, const std::string& name) {
  const std::string list = "/proc/" + std::to_string(::getpid()) + "/task/" +
                           std::to_string(::gettid()) + "/children";
  const auto children = self.read(list);
  if (!children) return 0;  // a kernel without that file
  for (const std::string_view word : words(*children)) {
    const auto pid = to_number<int>(word);
    if (!pid) continue;
    const auto stat = host::task_stat(self, *pid);
    if (!stat || stat->comm != name) continue;
    if (reap(*pid) == 0) return *pid;
  }
  return 0;
}

}  // namespace gpuward::containers::inside
