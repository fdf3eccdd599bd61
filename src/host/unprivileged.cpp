#include "host/unprivileged.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <optional>

#include "base/fd.h"
#include "base/text.h"

namespace gpuward::host {
namespace {

constexpr size_t kMostInput = 16 << 10;  // fits into a pipe as it is
constexpr size_t kMostOutput = 1 << 20;
constexpr size_t kMostWords = 300;
constexpr uid_t kNobody = 65534;
constexpr rlim_t kMostMemory = rlim_t{512} << 20;
constexpr rlim_t kMostSeconds = 10;
constexpr int kNotStarted = 126;

struct Pipe {
  Fd read_end, write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "making a pipe");
  }
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

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

// In the child, between fork and exec: system calls only.
bool drop_rights() {
  [[maybe_unused]] const rlimit memory{kMostMemory, kMostMemory};
  const rlimit time{kMostSeconds, kMostSeconds};
  const rlimit none{0, 0};
#if !defined(__SANITIZE_ADDRESS__)  // which maps terabytes of shadow
  ::setrlimit(RLIMIT_AS, &memory);
#endif
  ::setrlimit(RLIMIT_CPU, &time);
  ::setrlimit(RLIMIT_CORE, &none);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (::geteuid() != 0) return true;
  // From root to nobody the kernel clears all sets of capabilities but the
  // bounding one, which no new privileges make of no use.
  return ::setgroups(0, nullptr) == 0 &&
         ::setresgid(kNobody, kNobody, kNobody) == 0 &&
         ::setresuid(kNobody, kNobody, kNobody) == 0 && ::setuid(0) != 0;
}

struct ChildPlan {
  int program, input, output, complaints;
  char* const* argv;
};

[[noreturn]] void become_program(const ChildPlan& plan) {
  ::setpgid(0, 0);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Above the target numbers first, so that no dup2 runs over a source.
  constexpr int kAbove = 16;
  const int program = ::fcntl(plan.program, F_DUPFD, kAbove);
  const int input = ::fcntl(plan.input, F_DUPFD, kAbove);
  const int output = ::fcntl(plan.output, F_DUPFD, kAbove);
  const int complaints = ::fcntl(plan.complaints, F_DUPFD, kAbove);
  const bool ready =
      ::chdir("/") == 0 && ::dup2(input, 0) == 0 && ::dup2(output, 1) == 1 &&
      ::dup2(complaints, 2) == 2 && ::dup2(program, 3) == 3 &&
      ::fcntl(3, F_SETFD, FD_CLOEXEC) == 0 &&
      ::syscall(SYS_close_range, 4, ~0U, 0) == 0 && drop_rights() &&
      // A change of user forgets an earlier one.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
  static constexpr std::array<const char*, 2> kEnvironment = {"LC_ALL=C",
                                                              nullptr};
  if (ready) {
    ::syscall(SYS_execveat, 3, "", plan.argv,
              const_cast<char* const*>(kEnvironment.data()), AT_EMPTY_PATH);
  }
  ::_exit(kNotStarted);
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

// Its status, if it ended by then.
std::optional<int> status_by(pid_t pid, Boot deadline) {
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(pid, &status, WNOHANG);
    if (done == pid) return status;
    if (done < 0 && errno != EINTR) return std::nullopt;
    if (BootClock::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 1);
  }
}

void kill_group(pid_t pid) {
  constexpr Millis kDeathTakes = 50ms;
  ::kill(-pid, SIGKILL);
  status_by(pid, BootClock::now() + kDeathTakes);
}

Result<std::string> result_of(const std::string& name, int status,
                              const Listener& heard) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return heard.output();
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotStarted) {
    return fail(Error::Kind::denied, name +
                                         " could not be started without "
                                         "rights");
  }
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
  Pipe input = TRY(make_pipe());
  Pipe output = TRY(make_pipe());
  Pipe complaints = TRY(make_pipe());
  std::vector<std::string> words = run.arguments;
  words.insert(words.begin(), run.name);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const ChildPlan plan{program.get(), input.read_end.get(),
                       output.write_end.get(), complaints.write_end.get(),
                       argv.data()};
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "starting " + run.name);
  if (pid == 0) become_program(plan);
  ::setpgid(pid, pid);  // by both: whoever comes first
  input.read_end.reset();
  output.write_end.reset();
  complaints.write_end.reset();
  // Shorter than a pipe: this does not wait. Who does not read it is its own
  // loss, and SIGPIPE is ignored by all that runs long.
  if (::write(input.write_end.get(), run.input.data(), run.input.size()) < 0) {
    kill_group(pid);
    return fail_errno(errno, "telling " + run.name);
  }
  input.write_end.reset();

  Listener heard(output.read_end.get(), complaints.read_end.get());
  while (!heard.is_done() && BootClock::now() < deadline) {
    heard.listen(std::max(deadline - BootClock::now(), Millis{1}));
  }
  const auto status = status_by(pid, deadline);
  if (!status) {
    kill_group(pid);
    return fail(Error::Kind::timeout, run.name + " did not end in time");
  }
  return result_of(run.name, *status, heard);
}

}  // namespace gpuward::host
