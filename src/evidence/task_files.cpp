#include "evidence/task_files.h"

#include <fmt/core.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "evidence/tasks.h"

namespace gpuward::evidence {
namespace {

constexpr size_t kMaxFrames = 32;
constexpr size_t kMaxFds = 512;

std::string path_of(const TaskFolder& folder, std::string_view name) {
  return fmt::format("/proc/{}/task/{}/{}", folder.pid, folder.tid, name);
}

// One of the process's descriptors is an NVIDIA node. Of a task in state D
// that is the best sign there is, where the kernel shows no stack.
bool holds_nvidia_node(const host::Root& root, int pid) {
  const std::string folder = fmt::format("/proc/{}/fd", pid);
  const auto names = root.list(folder);
  if (!names) return false;
  const size_t count = std::min(names->size(), kMaxFds);
  for (size_t i = 0; i < count; ++i) {
    const auto target = root.read_link(folder + "/" + (*names)[i]);
    if (target && target->find("/dev/nvidia") != std::string::npos) return true;
  }
  return false;
}

struct NamedCall {
  long number;
  std::string_view name;
};
// Those in which an NVML client is met, by the numbers of this architecture.
constexpr NamedCall kCalls[] = {
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_openat, "openat"},
    {SYS_close, "close"},
    {SYS_ioctl, "ioctl"},
    {SYS_mmap, "mmap"},
    {SYS_munmap, "munmap"},
    {SYS_futex, "futex"},
    {SYS_ppoll, "ppoll"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_exit, "exit"},
    {SYS_exit_group, "exit_group"},
    {SYS_wait4, "wait4"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_connect, "connect"},
    {SYS_accept4, "accept4"},
    {SYS_fsync, "fsync"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_ftruncate, "ftruncate"},
    {SYS_execve, "execve"},
    {SYS_mknodat, "mknodat"},
    {SYS_newfstatat, "newfstatat"},
    {SYS_restart_syscall, "restart_syscall"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
#ifdef __x86_64__
    {SYS_open, "open"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_pause, "pause"},
    {SYS_stat, "stat"},
    {SYS_mknod, "mknod"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_mkdir, "mkdir"},
    {SYS_unlink, "unlink"},
#endif
};

}  // namespace

std::vector<int> threads_of(const host::Root& root, int pid) {
  std::vector<int> threads;
  const auto names = root.list(fmt::format("/proc/{}/task", pid));
  if (!names) return threads;
  for (const std::string& name : *names) {
    if (const auto tid = to_number<int>(name)) threads.push_back(*tid);
  }
  std::ranges::sort(threads);
  return threads;
}

Result<host::TaskStat> stat_of(const host::Root& root,
                               const TaskFolder& folder) {
  return host::parse_task_stat(TRY(root.read(path_of(folder, "stat"), 4096)));
}

std::string switches_of(const host::Root& root, const TaskFolder& folder) {
  const auto text = root.read(path_of(folder, "status"), 16 << 10);
  if (!text) return {};
  const size_t at = text->find("voluntary_ctxt_switches");
  return at == std::string::npos ? "" : text->substr(at);
}

StuckTask describe(const host::Root& root, const TaskFolder& folder,
                   const host::TaskStat& stat) {
  StuckTask task;
  task.pid = folder.pid;
  task.tid = folder.tid;
  task.start_time = stat.start_time;
  task.comm = printable(stat.comm, 64);
  task.state = stat.state;
  const auto wchan = root.read_word(path_of(folder, "wchan"));
  if (wchan && *wchan != "0") task.wchan = printable(*wchan, 128);
  if (const auto call = root.read_word(path_of(folder, "syscall"))) {
    task.syscall = syscall_in(*call);
  }
  const std::string stack =
      root.read(path_of(folder, "stack"), 64 << 10).value_or("");
  for (const std::string_view line : split(stack, '\n')) {
    const std::string frame = frame_of(line);
    if (!frame.empty()) task.stack.push_back(frame);
    if (task.stack.size() == kMaxFrames) break;
  }
  task.in_driver =
      is_in_driver(task.wchan) || std::ranges::any_of(task.stack, is_in_driver);
  // A training job that waits for its file server holds GPUs as well: the nodes
  // say something only where the kernel does not show what it waits for.
  const bool told = !task.stack.empty() || !task.wchan.empty();
  if (!task.in_driver && !told && task.state == 'D') {
    task.in_driver = holds_nvidia_node(root, folder.pid);
  }
  if (task.state == 'D') task.where = "kernel";
  if (task.state == 'S') task.where = task.in_driver ? "kernel" : "user";
  return task;
}

std::string frame_of(std::string_view stack_line) {
  std::string_view line = trim(stack_line);
  if (line.starts_with("[<")) {
    const size_t end = line.find(']');
    if (end == std::string_view::npos) return {};
    line = trim(line.substr(end + 1));
  }
  const auto parts = words(line);
  if (parts.empty()) return {};
  std::string frame = printable(parts[0].substr(0, parts[0].find('+')), 128);
  if (parts.size() > 1 && parts[1].starts_with('[')) {
    frame += " " + printable(parts[1], 64);
  }
  return frame;
}

bool is_in_driver(std::string_view frame) {
  if (frame.find("[nvidia") != std::string_view::npos) return true;
  // A wait channel comes without its module.
  constexpr std::array<std::string_view, 6> kPrefixes = {
      "os_acquire_", "nv_open", "nvidia_", "uvm_", "rm_", "_nv0"};
  return std::ranges::any_of(kPrefixes, [frame](std::string_view prefix) {
    return frame.starts_with(prefix);
  });
}

std::string syscall_in(std::string_view text) {
  const auto parts = words(text);
  if (parts.empty()) return {};
  const auto number = to_number<long>(parts[0]);
  if (!number || *number < 0) return {};  // "running", or in no call
  const auto found = std::ranges::find(kCalls, *number, &NamedCall::number);
  if (found != std::end(kCalls)) return std::string(found->name);
  return fmt::format("call {}", *number);
}

}  // namespace gpuward::evidence
