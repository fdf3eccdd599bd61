#include "containers/aside.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "host/child.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMostBytes = 64 << 20;
constexpr uint64_t kMostMemory = uint64_t{1} << 30;

// The child that is stuck, of which there is one at most.
std::optional<host::Child> stuck;

std::string answer_of(const std::function<Json()>& work) {
  try {
    return work().dump();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

void send_answer(const std::function<Json()>& work) {
  const std::string text = answer_of(work);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t sent = ::send(0, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) ::_exit(1);
    rest.remove_prefix(static_cast<size_t>(sent));
  }
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
  if (stuck && !stuck->is_gone()) {
    return fail(Error::Kind::busy,
                fmt::format("an earlier look (task {}) has not come back: a "
                            "disk or a file system does not answer",
                            stuck->pid()));
  }
  stuck.reset();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(errno, "making a socket");
  }
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  // Locks, sockets and terminals of ours must not outlive us in a child that
  // cannot die.
  auto child = host::start_child({.descriptors = {theirs.get(), -1, -1},
                                  .work = [&work] { send_answer(work); },
                                  .name = "gpuward-records",
                                  .group = host::ChildSpec::Group::own_session,
                                  // People name files from where they are.
                                  .keeps_folder = true,
                                  .dies_with_parent = true,
                                  .most_memory = kMostMemory});
  if (!child) {
    return wrap(std::move(child).error(), "starting a look at the records");
  }
  theirs.reset();
  auto text = receive_all(ours.get(), BootClock::now() + deadline);
  if (!child->kill_group()) stuck = std::move(*child);
  if (!text) return std::unexpected(std::move(text).error());
  if (text->empty()) {
    return fail(Error::Kind::gone, "the look at the records ended early");
  }
  return Json::parse(*text);
}

}  // namespace gpuward::containers
