#include "host/tool.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string_view>

#include "base/fd.h"

namespace gpuward::host {
namespace {

constexpr size_t kMaxOutput = 64 << 10;
constexpr std::array<std::string_view, 4> kFolders = {
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"};
// HOME is nobody's: a user's settings could send docker to another machine.
constexpr std::array<const char*, 4> kEnvironment = {
    "LC_ALL=C", "HOME=/",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    nullptr};
constexpr int kNotStarted = 127;

// A program that somebody else than root could have written is not run.
Result<void> check_owner(const std::string& path, const struct stat& status) {
  const bool by_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (status.st_uid == 0 && !by_others) return {};
  return fail(Error::Kind::denied,
              path + " is not run: others than root may change it");
}

Result<std::string> find_program(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return fail(Error::Kind::malformed, "not the name of a program: " + name);
  }
  for (const std::string_view folder : kFolders) {
    const std::string path = fmt::format("{}/{}", folder, name);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
      continue;
    }
    TRY_VOID(check_owner(path, status));
    return path;
  }
  return fail(Error::Kind::not_found, name + " is not installed");
}

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "making a pipe");
  }
  Pipe out{Fd(ends[0]), Fd(ends[1])};
  // Only our end: the program is not to meet EAGAIN.
  ::fcntl(out.read_end.get(), F_SETFL, O_NONBLOCK);
  return out;
}

// In the child, between fork and exec: system calls only.
struct ChildPlan {
  const char* program;
  char* const* argv;
  int output;
  int complaints;
  int failure;  // where errno goes if exec fails
};

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_tool(const ChildPlan& plan) {
  ::setpgid(0, 0);
  // Above the target numbers first, so that no dup2 runs over a source.
  constexpr int kAbove = 16;
  const int output = ::fcntl(plan.output, F_DUPFD, kAbove);
  const int complaints = ::fcntl(plan.complaints, F_DUPFD, kAbove);
  const int failure = ::fcntl(plan.failure, F_DUPFD_CLOEXEC, kAbove);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool ready = ::chdir("/") == 0 && ::dup2(null, 0) == 0 &&
                     ::dup2(output, 1) == 1 && ::dup2(complaints, 2) == 2 &&
                     ::dup2(failure, 3) == 3 &&
                     ::fcntl(3, F_SETFD, FD_CLOEXEC) == 0;
  if (ready) {
    if (::syscall(SYS_close_range, 4, ~0U, 0) != 0) {
      for (int fd = 4; fd < 4096; ++fd) ::close(fd);
    }
    reset_signals();
    ::execve(plan.program, plan.argv,
             const_cast<char* const*>(kEnvironment.data()));
  }
  const int why = errno;
  const ssize_t told = ::write(ready ? 3 : failure, &why, sizeof why);
  ::_exit(told == sizeof why ? kNotStarted : kNotStarted - 1);
}

// One stream of the program: kept to the limit, read to its end, so that a
// talkative program is not stopped by a full pipe.
struct Stream {
  Fd fd;
  std::string text;

  void drain() {
    std::array<char, 4096> bytes{};
    while (fd.valid()) {
      const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        fd.reset();
        return;
      }
      const size_t room = kMaxOutput - std::min(text.size(), kMaxOutput);
      text.append(bytes.data(), std::min(static_cast<size_t>(got), room));
    }
  }
};

// A few milliseconds at most, whatever is left: kernels before 5.3 have no
// descriptor that tells of a child's end.
void wait_a_little(const Stream& output, const Stream& complaints,
                   Millis left) {
  std::array<pollfd, 2> fds = {
      {{output.fd.get(), POLLIN, 0}, {complaints.fd.get(), POLLIN, 0}}};
  const bool both_closed = !output.fd.valid() && !complaints.fd.valid();
  const Millis most = both_closed ? 1ms : 10ms;
  ::poll(fds.data(), fds.size(),
         static_cast<int>(std::clamp(left, 0ms, most).count()));
}

int exit_code_of(int status) {
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  return WEXITSTATUS(status);
}

// Kills the group. A task in state D does not end by that: it is left to end
// when it can, and is a zombie of ours until we end as well.
void end_group(pid_t pid) {
  ::kill(-pid, SIGKILL);
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    if (::waitpid(pid, nullptr, WNOHANG) != 0) return;
    ::poll(nullptr, 0, 1);
  }
}

// The exit code, or nothing if the deadline passed first.
Result<int> wait_for(pid_t pid, Stream& output, Stream& complaints,
                     Boot deadline) {
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(pid, &status, WNOHANG);
    const int error = errno;
    // What a child of its own may still write is not waited for.
    output.drain();
    complaints.drain();
    if (done == pid) return exit_code_of(status);
    if (done < 0 && error != EINTR) return fail_errno(error, "waiting for it");
    const Millis left = deadline - BootClock::now();
    if (left <= 0ms) {
      end_group(pid);
      return fail(Error::Kind::timeout, "it did not end in time");
    }
    wait_a_little(output, complaints, left);
  }
}

std::optional<int> failure_of(const Fd& fd) {
  int why = 0;
  if (::read(fd.get(), &why, sizeof why) != sizeof why) return std::nullopt;
  return why;
}

}  // namespace

Result<ToolResult> run_tool(const std::vector<std::string>& command,
                            Millis deadline) {
  if (command.empty()) return fail(Error::Kind::malformed, "no command");
  const Boot until = BootClock::now() + deadline;
  const std::string program = TRY(find_program(command.front()));
  Pipe output = TRY(make_pipe());
  Pipe complaints = TRY(make_pipe());
  Pipe failure = TRY(make_pipe());

  std::vector<std::string> arguments = command;
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const ChildPlan plan{program.c_str(), argv.data(), output.write_end.get(),
                       complaints.write_end.get(), failure.write_end.get()};
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "starting " + program);
  if (pid == 0) become_tool(plan);
  ::setpgid(pid, pid);  // by both: whoever comes first
  output.write_end.reset();
  complaints.write_end.reset();
  failure.write_end.reset();

  Stream out{std::move(output.read_end), {}};
  Stream err{std::move(complaints.read_end), {}};
  auto code = wait_for(pid, out, err, until);
  if (!code) return wrap(std::move(code).error(), program);
  if (const auto why = failure_of(failure.read_end)) {
    return fail_errno(*why, "starting " + program);
  }
  return ToolResult{*code, std::move(out.text), std::move(err.text)};
}

}  // namespace gpuward::host
