#include "probe/session.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "host/task.h"

namespace gpuward::probe {
namespace {

constexpr Millis kReapGrace = 100ms;

// "the prober was killed in nvmlInit_v2: Segmentation fault"
std::string end_in_words(int status, const std::optional<Progress>& last) {
  std::string where;
  if (last && last->in_call) {
    where = " in " + last->symbol;
    if (last->gpu >= 0) where += " of GPU " + std::to_string(last->gpu);
  }
  if (WIFSIGNALED(status)) {
    const char* name = ::sigdescr_np(WTERMSIG(status));
    return "the prober was killed" + where + ": " +
           (name != nullptr ? name : "unknown signal");
  }
  return "the prober ended" + where + " with exit code " +
         std::to_string(WEXITSTATUS(status));
}

}  // namespace

Session::Session(Launched launched, ProgressMap map)
    : launched_(std::move(launched)), map_(std::move(map)) {}

Result<Session> Session::start(const host::Host& host, Slot slot,
                               ProberSettings settings) {
  if (auto why = host.why_not_to_probe()) {
    return fail(Error::Kind::unsupported, std::move(*why));
  }
  settings.slot = slot.number;
  settings.owner_pid = ::getpid();
  settings.owner_start_time =
      TRY(host::task_stat(host.self, ::getpid())).start_time;
  settings.root = host.evidence.directory();
  settings.driver_root = host.driver_root;
  settings.simulated = host.simulated;
  // What an earlier prober left must not be taken for this one's.
  {
    ProgressMap map = TRY(ProgressMap::writer(slot.progress));
    map.record().pid = 0;
  }
  Launched launched = TRY(launch(std::move(slot), settings));
  ProgressMap map = TRY(ProgressMap::reader(launched.progress));
  return Session(std::move(launched), std::move(map));
}

Result<uint64_t> Session::ask(Request request) {
  request.number = ++last_request_;
  const std::string bytes = encode(request);
  if (::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) <
      0) {
    return fail_errno(errno, "asking the prober");
  }
  return request.number;
}

std::vector<Frame> Session::receive() {
  std::vector<Frame> frames;
  std::string buffer(kMaxFrame + 1, '\0');
  while (!broken_) {
    const ssize_t got =
        ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    // Reported once, ahead of what is still queued, when the prober died with a
    // request unread.
    if (got < 0 && errno == ECONNRESET) continue;
    if (got <= 0) {
      broken_ = Error{Error::Kind::gone, 0, "the prober ended"};
      // The socket closes a moment before the task can be reaped.
      wait_for_end(kReapGrace);
      reap();
      break;
    }
    auto frame =
        decode_frame({buffer.data(), static_cast<size_t>(got)}, wall_now());
    if (!frame) {
      broken_ =
          wrap(frame.error(), "the prober sent a frame that is none").error();
      break;
    }
    frames.push_back(std::move(*frame));
  }
  return frames;
}

void Session::wait_for_end(Millis grace) const {
  // Without a pidfd this is only a short pause: reap() looks then.
  pollfd watch{launched_.process.get(), POLLIN, 0};
  const Millis pause = watch.fd >= 0 ? grace : std::min(grace, Millis(50));
  ::poll(&watch, watch.fd >= 0 ? 1 : 0, static_cast<int>(pause.count()));
}

bool Session::dismiss(Millis grace) {
  if (reap()) return true;
  if (!ask({.kind = Request::Kind::quit})) {
    // Closing our end tells it the same.
    launched_.socket.reset();
  }
  wait_for_end(grace);
  return reap();
}

bool Session::reap() {
  if (launched_.pid <= 0) return true;
  int status = 0;
  const pid_t done = ::waitpid(launched_.pid, &status, WNOHANG);
  if (done == 0) return false;
  if (done > 0 && broken_ && broken_->kind == Error::Kind::gone) {
    broken_->text = end_in_words(status, progress());
  }
  launched_.pid = 0;
  return true;
}

}  // namespace gpuward::probe
