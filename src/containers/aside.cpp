#include "containers/aside.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <string>
#include <utility>

#include "base/fd.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMostBytes = 64 << 20;
constexpr rlim_t kMostMemory = rlim_t{1} << 30;
constexpr Millis kDeathTakes = 50ms;

// The child that is stuck, of which there is one at most.
pid_t stuck = 0;

bool is_reaped(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; }

bool is_reaped_soon(pid_t pid) {
  const Boot end = BootClock::now() + kDeathTakes;
  while (!is_reaped(pid)) {
    if (BootClock::now() >= end) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

// Locks, sockets and terminals of ours must not outlive us in a child that
// cannot die. The socket becomes 0.
void let_go(int socket) {
  ::dup2(socket, 0);
  const int null = ::open("/dev/null", O_RDWR);  // path: no stdio is inherited
  for (const int target : {1, 2}) ::dup2(null, target);
  if (::syscall(SYS_close_range, 3, ~0U, 0) == 0) return;
  for (int fd = 3; fd < 4096; ++fd) ::close(fd);
}

std::string answer_of(const std::function<Json()>& work) {
  try {
    return work().dump();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

[[noreturn]] void be_child(const std::function<Json()>& work, int socket) {
  ::setsid();
  ::prctl(PR_SET_NAME, "gpuward-records");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit memory{kMostMemory, kMostMemory};
#if !defined(__SANITIZE_ADDRESS__)
  ::setrlimit(RLIMIT_AS, &memory);
#else
  (void)memory;
#endif
  let_go(socket);
  const std::string text = answer_of(work);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t sent = ::send(0, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) ::_exit(1);
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  ::_exit(0);
}

// All that comes until the other end is closed.
Result<std::string> receive_all(int socket, Boot until) {
  std::string text;
  std::array<char, 64 << 10> chunk;
  for (;;) {
    const Millis left = std::max(0ms, until - BootClock::now());
    pollfd waiting{socket, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready == 0) return fail(Error::Kind::timeout, "no answer in time");
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t got = ::recv(socket, chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "reading a child's answer");
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<size_t>(got));
    if (text.size() > kMostBytes) {
      return fail(Error::Kind::malformed, "a child's answer is too long");
    }
  }
}

}  // namespace

Result<Json> do_aside(const std::function<Json()>& work, Millis deadline) {
  if (stuck != 0 && !is_reaped(stuck)) {
    return fail(Error::Kind::busy,
                fmt::format("an earlier look (task {}) has not come back: a "
                            "disk or a file system does not answer",
                            stuck));
  }
  stuck = 0;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(errno, "making a socket");
  }
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "starting a look at the records");
  if (pid == 0) be_child(work, theirs.get());
  theirs.reset();
  auto text = receive_all(ours.get(), BootClock::now() + deadline);
  ::kill(pid, SIGKILL);
  if (!is_reaped_soon(pid)) stuck = pid;
  if (!text) return std::unexpected(std::move(text).error());
  if (text->empty()) {
    return fail(Error::Kind::gone, "the look at the records ended early");
  }
  return Json::parse(*text);
}

}  // namespace gpuward::containers
