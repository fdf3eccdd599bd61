#include "host/child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace gpuward::host {
namespace {

constexpr uid_t kNobody = 65534;
constexpr int kNotStarted = 127;
constexpr Millis kDeathTakes = 50ms;

// All that the child needs, made before the fork: after it only system calls.
struct Plan {
  const ChildSpec& spec;
  std::vector<char*> argv, environment;
  std::vector<int> sources;  // to become 0, 1, 2, …; then program and failure
  int failure = -1;          // where it is now
};

// NULL-terminated, and pointing into `texts`.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    out.push_back(const_cast<char*>(text.c_str()));  // NOLINT: execve's type
  }
  out.push_back(nullptr);
  return out;
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Each source to the number of its place, all else closed. Above all places
// first, so that no dup2 runs over a source.
bool arrange_descriptors(std::vector<int>& sources) {
  const int count = static_cast<int>(sources.size());
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int& source : sources) {
    source = ::fcntl(source < 0 ? null : source, F_DUPFD, count + 16);
    if (source < 0) return false;
  }
  for (int place = 0; place < count; ++place) {
    if (::dup2(sources[static_cast<size_t>(place)], place) < 0) return false;
  }
  if (::syscall(SYS_close_range, count, ~0U, 0) != 0) {
    for (int fd = count; fd < 4096; ++fd) ::close(fd);
  }
  return true;
}

void set_limits(const ChildSpec& spec) {
#if !defined(__SANITIZE_ADDRESS__)  // which maps terabytes of shadow
  if (spec.most_memory != 0) {
    const rlimit memory{spec.most_memory, spec.most_memory};
    ::setrlimit(RLIMIT_AS, &memory);
  }
#endif
  if (spec.most_cpu_seconds != 0) {
    const rlimit time{spec.most_cpu_seconds, spec.most_cpu_seconds};
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CPU, &time);
    ::setrlimit(RLIMIT_CORE, &no_core);
  }
}

bool drop_rights() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (::geteuid() != 0) return true;
  // From root to nobody the kernel clears all sets of capabilities but the
  // bounding one, which no new privileges make of no use.
  return ::setgroups(0, nullptr) == 0 &&
         ::setresgid(kNobody, kNobody, kNobody) == 0 &&
         ::setresuid(kNobody, kNobody, kNobody) == 0 && ::setuid(0) != 0;
}

bool prepare(Plan& plan) {
  const ChildSpec& spec = plan.spec;
  if (spec.group == ChildSpec::Group::own_session) ::setsid();
  if (spec.group == ChildSpec::Group::own) ::setpgid(0, 0);
  reset_signals();
  if (!spec.keeps_folder && ::chdir("/") != 0) return false;
  if (!arrange_descriptors(plan.sources)) return false;
  plan.failure = static_cast<int>(plan.sources.size()) - 1;
  set_limits(spec);
  if (spec.drop_rights && !drop_rights()) return false;
  // A change of user forgets an earlier one.
  return !spec.dies_with_parent ||
         ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

[[noreturn]] void be_child(Plan& plan) {
  const ChildSpec& spec = plan.spec;
  const bool is_ready = prepare(plan);
  const int last = plan.failure;
  if (is_ready && spec.work) {
    ::close(last);
    ::close(last - 1);
    if (!spec.name.empty()) ::prctl(PR_SET_NAME, spec.name.c_str(), 0, 0, 0);
    spec.work();
    ::_exit(0);
  }
  if (is_ready) {
    // They are gone with the exec.
    ::fcntl(last, F_SETFD, FD_CLOEXEC);
    ::fcntl(last - 1, F_SETFD, FD_CLOEXEC);
    if (spec.program_file >= 0) {
      ::syscall(SYS_execveat, last - 1, "", plan.argv.data(),
                plan.environment.data(), AT_EMPTY_PATH);
    } else if (spec.program.find('/') != std::string::npos) {
      // Not execvpe, which has a shell run what the kernel does not know.
      ::execve(spec.program.c_str(), plan.argv.data(), plan.environment.data());
    } else {
      ::execvpe(spec.program.c_str(), plan.argv.data(),
                plan.environment.data());
    }
  }
  const int why = errno;
  [[maybe_unused]] const ssize_t sent = ::write(plan.failure, &why, sizeof why);
  ::_exit(kNotStarted);
}

// Only forks: nothing in it can wait.
pid_t fork_twice(Plan& plan) {
  const pid_t first = ::fork();
  if (first == 0) {
    const pid_t second = ::fork();
    if (second == 0) be_child(plan);
    ::_exit(second < 0 ? 1 : 0);
  }
  int status = 0;
  while (first > 0 && ::waitpid(first, &status, 0) < 0 && errno == EINTR) {
  }
  return first < 0 || status != 0 ? -1 : 0;
}

}  // namespace

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "making a pipe");
  }
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Child> start_child(const ChildSpec& spec) {
  Pipe failure = TRY(make_pipe());
  ::fcntl(failure.read_end.get(), F_SETFL, O_NONBLOCK);
  Plan plan{.spec = spec,
            .argv = pointers_to(spec.arguments),
            .environment = pointers_to(spec.environment),
            .sources = spec.descriptors,
            .failure = failure.write_end.get()};
  plan.sources.push_back(spec.program_file);
  plan.sources.push_back(plan.failure);
  const pid_t pid = spec.is_orphan ? fork_twice(plan) : ::fork();
  if (pid < 0) return fail_errno(errno, "making a process");
  if (pid == 0 && !spec.is_orphan) be_child(plan);
  // By both: whoever comes first.
  if (pid > 0 && spec.group == ChildSpec::Group::own) ::setpgid(pid, pid);
  return Child(pid, std::move(failure.read_end));
}

bool Child::is_gone() { return ::waitpid(pid_, nullptr, WNOHANG) != 0; }

std::optional<int> Child::status_by(Boot deadline) {
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(pid_, &status, WNOHANG);
    if (done == pid_) return status;
    if (done < 0 && errno != EINTR) return std::nullopt;
    if (BootClock::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 1);
  }
}

bool Child::kill_group() {
  ::kill(-pid_, SIGKILL);
  return status_by(BootClock::now() + kDeathTakes).has_value();
}

std::optional<int> Child::start_failure() const {
  int why = 0;
  if (::read(failure_.get(), &why, sizeof why) != sizeof why) {
    return std::nullopt;
  }
  return why;
}

}  // namespace gpuward::host
