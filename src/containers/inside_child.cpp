#include "containers/inside_child.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "containers/inside_library.h"

namespace gpuward::containers::inside {
namespace {

// All that is kept of the caller's; others are opened anew.
constexpr int kPipe = 0;
constexpr unsigned kMostFds = 4096;

// Indexes into Assignment::questions; no node: -1.
using NodeFds = std::array<int, kMaxNodes>;

// Locks, sockets and terminals of the caller must not outlive it in a child
// that cannot die.
void let_go(int pipe) {
  ::dup2(pipe, kPipe);
  if (::syscall(SYS_close_range, kPipe + 1, UINT_MAX, 0) == 0) return;
  for (unsigned fd = kPipe + 1; fd < kMostFds; ++fd) {
    ::close(static_cast<int>(fd));
  }
}

bool write_to(const char* path, const char* text, size_t size) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, text, size) == static_cast<ssize_t>(size);
  const int error = errno;
  ::close(fd);
  errno = error;
  return done;
}

bool is_node(int fd, const Question& question) {
  struct stat status {};
  return fd >= 0 && ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         major(status.st_rdev) == question.major_number &&
         minor(status.st_rdev) == question.minor_number;
}

// By the open O_PATH descriptor, so that nothing of the container is walked
// through again, and by faccessat, which every seccomp profile knows.
int ask(int node, int access) {
  std::array<char, 32> path = {"/proc/self/fd/"};
  size_t at = 14;
  std::array<char, 12> digits;
  size_t count = 0;
  for (int rest = node; count == 0 || rest > 0; rest /= 10) {
    digits[count++] = static_cast<char>('0' + rest % 10);
  }
  while (count > 0) path[at++] = digits[--count];
  return ::faccessat(AT_FDCWD, path.data(), access, 0) == 0 ? 0 : errno;
}

Presence presence_of(int own, int error, const Question& question) {
  if (own < 0) {
    return error == ENOENT || error == ENOTDIR ? Presence::missing
                                               : Presence::unknown;
  }
  return is_node(own, question) ? Presence::present : Presence::missing;
}

// The host's node if it has one, else the container's own: the device cgroup
// asks for numbers, whichever node they stand on.
int find_node(int root, const Question& question, Answer& answer) {
  int own = -1;
  int error = EIO;
  if (root >= 0) {
    own = open_in(root, question.path, O_PATH | O_NOFOLLOW);
    error = errno;
    answer.presence = presence_of(own, error, question);
  }
  int host = -1;
  if (question.host_path != nullptr) {
    host = ::open(question.host_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  }
  if (is_node(host, question)) {
    if (own >= 0) ::close(own);
    return host;
  }
  if (host >= 0) ::close(host);
  if (is_node(own, question)) return own;
  answer.node_error = own >= 0 ? ENOENT : error;
  if (own >= 0) ::close(own);
  return -1;
}

void find_nodes(const Assignment& assignment, int root, Report& report,
                NodeFds& fds) {
  for (size_t i = 0; i < assignment.count; ++i) {
    Answer& answer = report.answers[i];
    fds[i] = find_node(root, assignment.questions[i], answer);
    answer.has_node = fds[i] >= 0;
    if (!answer.has_node) continue;
    answer.outside_error = ask(fds[i], assignment.questions[i].access);
  }
}

void ask_all(const Assignment& assignment, const NodeFds& fds, Report& report) {
  report.phase = Phase::asking;
  for (size_t i = 0; i < assignment.count; ++i) {
    if (fds[i] < 0) continue;
    report.answers[i].error = ask(fds[i], assignment.questions[i].access);
    report.answers[i].asked = true;
  }
  report.phase = Phase::done;
}

// A tree that only looks like /sys/fs/cgroup is written to by nobody.
int open_cgroup(const Assignment& assignment) {
  const int fd = ::open(assignment.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  struct statfs status {};
  const auto magic = static_cast<decltype(status.f_type)>(
      assignment.is_v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
  if (::fstatfs(fd, &status) == 0 && status.f_type == magic) return fd;
  ::close(fd);
  errno = EBADF;
  return -1;
}

// Born in the cgroup: a millisecond, where moving takes ten or twenty. A
// brother and no child of this one, so that our caller can end and reap it.
long clone_into(int cgroup, Report& report) {
  clone_args how{};
  how.flags = CLONE_INTO_CGROUP | CLONE_PARENT | CLONE_PARENT_SETTID;
  how.parent_tid = reinterpret_cast<uint64_t>(&report.second);
  how.cgroup = static_cast<uint64_t>(cgroup);
  return ::syscall(SYS_clone3, &how, sizeof how);
}

// An old kernel, or a seccomp profile in the way.
bool cannot_clone_into(int error) {
  return error == ENOSYS || error == E2BIG || error == EINVAL;
}

void join_and_ask(const Assignment& assignment, const NodeFds& fds,
                  Report& report) {
  report.phase = Phase::joining;
  const int cgroup = open_cgroup(assignment);
  if (cgroup < 0) {
    report.join_error = errno;
    return;
  }
  if (assignment.is_v2) {
    const long second = clone_into(cgroup, report);
    if (second == 0) {
      ask_all(assignment, fds, report);
      ::_exit(0);
    }
    if (second > 0) return;
    report.join_error = errno;
    if (!cannot_clone_into(errno)) return;
  }
  if (write_to(assignment.procs, "0", 1)) {
    report.join_error = 0;
    ask_all(assignment, fds, report);
  } else {
    report.join_error = errno;
  }
}

}  // namespace

void work(const Assignment& assignment, Report& report) {
  let_go(assignment.pipe);
  ::setsid();
  ::prctl(PR_SET_NAME, assignment.name);
  // Memory that it needs counts as the container's from when it has joined:
  // where that has none left it is this child that has to go.
  (void)write_to("/proc/self/oom_score_adj", "1000", 4);
  report.phase = Phase::files;
  const int root = ::open(assignment.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) report.root_error = errno;
  NodeFds fds;
  fds.fill(-1);
  find_nodes(assignment, root, report, fds);
  report.phase = Phase::library;
  if (root >= 0) {
    report.library = find_library(root, assignment.mountinfo, report.version);
  }
  if (assignment.join && assignment.count > 0) {
    join_and_ask(assignment, fds, report);
  } else {
    report.phase = Phase::done;
  }
  ::_exit(0);
}

}  // namespace gpuward::containers::inside
