#include "host/unprivileged.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "base/fd.h"
#include "base/text.h"
#include "host/child.h"

namespace gpuward::host {
namespace {

constexpr size_t kMostInput = 16 << 10;  // less than a socket takes at once
constexpr size_t kMostOutput = 1 << 20;
constexpr size_t kMostWords = 300;
constexpr uint64_t kMostMemory = uint64_t{512} << 20;
constexpr unsigned kMostSeconds = 10;

// Opened before rights are dropped: nobody may not be let into the folder.
Result<Fd> open_program(const std::string& name) {
  std::array<char, PATH_MAX> self{};
  const ssize_t size =
      ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (size <= 0) return fail_errno(errno, "looking for our own program");
  const std::string_view path(self.data(), static_cast<size_t>(size));
  const std::string folder(path.substr(0, path.rfind('/') + 1));
  std::string place = folder + name;
  Fd fd(::open(place.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) {
    place = fmt::format("{}../libexec/gpuward/{}", folder, name);
    fd = Fd(::open(place.c_str(), O_PATH | O_CLOEXEC));
  }
  if (!fd.valid()) {
    return fail(Error::Kind::not_found, name + " is not installed");
  }
  struct stat status {};
  ::fstat(fd.get(), &status);
  const bool by_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool is_ours = status.st_uid == 0 || status.st_uid == ::getuid();
  if (!S_ISREG(status.st_mode) || by_others || !is_ours) {
    return fail(Error::Kind::denied,
                place + " is not run: others than root may change it");
  }
  return fd;
}

// Reads until both are closed, the deadline passes or it prints too much.
class Listener {
 public:
  Listener(int output, int complaints)
      : fds_{{{output, POLLIN, 0}, {complaints, POLLIN, 0}}} {}
  bool is_done() const { return fds_[0].fd < 0 && fds_[1].fd < 0; }
  void listen(Millis most) {
    ::poll(fds_.data(), fds_.size(), static_cast<int>(most.count()));
    for (size_t i = 0; i < fds_.size(); ++i) take(fds_.at(i), texts_.at(i));
  }
  const std::string& output() const { return texts_[0]; }
  const std::string& complaints() const { return texts_[1]; }

 private:
  static void take(pollfd& from, std::string& text) {
    if (from.fd < 0 || from.revents == 0) return;
    std::array<char, 16384> bytes{};
    const ssize_t got = ::read(from.fd, bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got > 0) text.append(bytes.data(), static_cast<size_t>(got));
    if (got <= 0 || text.size() > kMostOutput) from.fd = -1;
  }
  std::array<pollfd, 2> fds_;
  std::array<std::string, 2> texts_;
};

Result<std::string> result_of(const std::string& name, int status,
                              const Listener& heard) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return heard.output();
  const std::string words = printable(trim(heard.complaints()), kMostWords);
  return fail(Error::Kind::system,
              words.empty() ? name + " ended before it said anything" : words);
}

}  // namespace

Result<std::string> run_unprivileged(const UnprivilegedRun& run) {
  const Boot deadline = BootClock::now() + run.deadline;
  if (run.input.size() > kMostInput) {
    return fail(Error::Kind::malformed, "too much to tell " + run.name);
  }
  const Fd program = TRY(open_program(run.name));
  // A socket, not a pipe: writing to one whose reader has died is an error
  // there, and no signal that ends us.
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(errno, "making a socket");
  }
  Fd input(ends[0]);
  Fd theirs(ends[1]);
  Pipe output = TRY(make_pipe());
  Pipe complaints = TRY(make_pipe());
  std::vector<std::string> words = run.arguments;
  words.insert(words.begin(), run.name);
  auto child =
      start_child({.descriptors = {theirs.get(), output.write_end.get(),
                                   complaints.write_end.get()},
                   .program_file = program.get(),
                   .arguments = std::move(words),
                   .environment = {"LC_ALL=C"},
                   .dies_with_parent = true,
                   .drop_rights = true,
                   .most_memory = kMostMemory,
                   .most_cpu_seconds = kMostSeconds});
  if (!child) return wrap(std::move(child).error(), "starting " + run.name);
  theirs.reset();
  output.write_end.reset();
  complaints.write_end.reset();
  // Less than fits in: this does not wait. One that has died already says more
  // by its end than by not listening.
  [[maybe_unused]] const ssize_t sent =
      ::send(input.get(), run.input.data(), run.input.size(),
             MSG_DONTWAIT | MSG_NOSIGNAL);
  input.reset();

  Listener heard(output.read_end.get(), complaints.read_end.get());
  while (!heard.is_done() && BootClock::now() < deadline) {
    heard.listen(std::max(deadline - BootClock::now(), Millis{1}));
  }
  const auto status = child->status_by(deadline);
  if (!status) {
    child->kill_group();
    return fail(Error::Kind::timeout, run.name + " did not end in time");
  }
  if (child->start_failure()) {
    return fail(Error::Kind::denied,
                run.name + " could not be started without rights");
  }
  return result_of(run.name, *status, heard);
}

}  // namespace gpuward::host
