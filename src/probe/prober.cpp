#include "probe/prober.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "host/task.h"
#include "probe/errand.h"
#include "probe/placement.h"
#include "probe/protocol.h"
#include "probe/round.h"
#include "probe/watchdog.h"

namespace gpuward::probe {
namespace {

volatile std::sig_atomic_t asked_to_end = 0;

void on_terminate(int /*signal*/) { asked_to_end = 1; }

// SIGTERM interrupts the wait for a request, and nothing else: in the middle of
// an NVML call it is only noted.
void set_up_signals() {
  struct sigaction action {};
  action.sa_handler = on_terminate;
  ::sigaction(SIGTERM, &action, nullptr);
  for (const int signal : {SIGINT, SIGHUP, SIGPIPE, SIGQUIT}) {
    ::signal(signal, SIG_IGN);
  }
}

void set_up_process() {
  ::prctl(PR_SET_NAME, "gpuward-prober");
  for (const int fd : {kSocketFd, kLockFd, kProgressFd}) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  // nvidia-container-toolkit issue 1053: the library maps tables by the number
  // of descriptors allowed; with a huge limit that takes many seconds.
  const rlimit files{512, 512};
  ::setrlimit(RLIMIT_NOFILE, &files);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  set_up_signals();
}

// Waits while the supervisor is busy. Once it is gone there is nobody to ask
// for: the round ends, and with it this process.
void send_frame(const Frame& frame) {
  const std::string bytes = encode(frame, wall_now());
  while (::send(kSocketFd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EINTR && asked_to_end == 0) continue;
    asked_to_end = 1;
    return;
  }
}

// False when it is time to end.
bool serve(const Request& request, Round& round, const host::Host& host,
           ProgressWriter& progress) {
  const auto answer = [&](Frame frame) {
    frame.number = request.number;
    send_frame(frame);
    return asked_to_end == 0;
  };
  bool go_on = true;
  if (request.kind == Request::Kind::quit) {
    round.shut_down();
    go_on = false;
  } else if (request.kind == Request::Kind::round) {
    round.run(answer);
  } else {
    answer({.text = run_errand(request, host, progress)});
  }
  answer({.end = true});
  return go_on;
}

void serve_all(Round& round, const host::Host& host, ProgressWriter& progress) {
  std::string buffer(kMaxFrame, '\0');
  while (asked_to_end == 0) {
    const ssize_t got = ::recv(kSocketFd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    const auto request =
        decode_request({buffer.data(), static_cast<size_t>(got)});
    // Only our own supervisor is at the other end: nonsense is a bug there.
    if (!request || !serve(*request, round, host, progress)) return;
  }
  round.shut_down();
}

}  // namespace

int run_prober(const ProberSettings& settings) {
  constexpr int kCannotWork = 1;
  set_up_process();
  auto host =
      host::Host::open({.root = settings.root, .run_dir = "/nonexistent"});
  auto map = ProgressMap::writer(Fd(::fcntl(kProgressFd, F_DUPFD_CLOEXEC, 0)));
  if (!host || !map) return kCannotWork;
  const auto boot_id = host::boot_id_of(host->self);
  const auto stat = host::task_stat(host->self, ::getpid());
  if (!boot_id || !stat) return kCannotWork;

  ProgressWriter progress(*map, settings.factor);
  progress.identify(*boot_id, ::getpid(), stat->start_time, settings.owner_pid,
                    settings.owner_start_time);
  progress.set_left_out(settings.left_out);
  progress.begin("placement", -1, CallClass::place);
  progress.set_placement(
      place_self(host->self, settings.slot, settings.simulated));
  progress.end();

  start_watchdog(*host, *map, kSocketFd);
  Caller caller(progress);
  Round round(*host, settings, caller, progress);
  serve_all(round, *host, progress);
  // At once: the watchdog still looks at what a return would take apart.
  ::_exit(0);
}

}  // namespace gpuward::probe
