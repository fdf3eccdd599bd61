#include "sim/engine/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/fd.h"
#include "base/text.h"

namespace gpuward::simulator {
namespace {

struct Entry {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';
};

std::optional<Entry> read_entry(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name may hold anything; the last bracket ends it.
  const size_t end = line.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const auto fields = words(std::string_view(line).substr(end + 1));
  if (fields.size() < 2) return std::nullopt;
  return Entry{pid, to_number<pid_t>(fields[1]).value_or(0), fields[0][0]};
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> out;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder)) {
    if (const auto pid = to_number<pid_t>(entry->d_name)) out.push_back(*pid);
  }
  ::closedir(folder);
  return out;
}

void reap() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

std::string read_all(int fd) {
  std::string out;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = ::read(fd, buffer, sizeof buffer)) > 0 ||
         (count < 0 && errno == EINTR)) {
    if (count > 0) out.append(buffer, static_cast<size_t>(count));
  }
  return out;
}

}  // namespace

bool is_alive(pid_t pid) {
  const auto entry = read_entry(pid);
  return entry && entry->state != 'Z' && entry->state != 'X';
}

std::optional<std::string> find_program(const std::string& name) {
  const char* path = ::getenv("PATH");
  const std::string all = fmt::format("{}:/usr/sbin:/usr/bin:/sbin:/bin",
                                      path != nullptr ? path : "");
  for (const std::string_view folder : split(all, ':')) {
    const std::string full = fmt::format("{}/{}", folder, name);
    if (!folder.empty() && ::access(full.c_str(), X_OK) == 0) return full;
  }
  return std::nullopt;
}

Result<void> run_program(const std::vector<std::string>& line) {
  const auto program = find_program(line[0]);
  if (!program)
    return fail(Error::Kind::not_found, line[0] + " is not installed");
  std::vector<char*> arguments;
  for (const std::string& word : line) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  const Fd output(ends[0]);
  Fd input(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), 2);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program->c_str(), &actions, nullptr,
                                  arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  input.reset();
  if (error != 0) return fail_errno(error, "starting " + *program);
  const std::string said = read_all(output.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return {};
  return fail(Error::Kind::system,
              fmt::format("{} failed: {}", line[0], trim(said)));
}

std::vector<pid_t> descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for (const pid_t pid : all_pids()) {
    if (const auto entry = read_entry(pid))
      children.emplace(entry->parent, pid);
  }
  std::vector<pid_t> out;
  std::vector<pid_t> open = {root};
  while (!open.empty()) {
    const auto [begin, end] = children.equal_range(open.back());
    open.pop_back();
    for (auto it = begin; it != end; ++it) {
      out.push_back(it->second);
      open.push_back(it->second);
    }
  }
  return out;
}

// /proc/PID/maps waits for such a thread. Threads are not listed in /proc, and
// are there by their number all the same.
bool has_thread_in_state_d(pid_t pid) {
  std::error_code error;
  const auto tasks = fmt::format("/proc/{}/task", pid);
  for (const auto& thread : std::filesystem::directory_iterator(tasks, error)) {
    const auto tid = to_number<pid_t>(thread.path().filename().string());
    const auto entry = tid ? read_entry(*tid) : std::nullopt;
    if (entry && entry->state == 'D') return true;
  }
  return false;
}

bool maps_file(pid_t pid, const std::string& path) {
  struct stat wanted {};
  if (::stat(path.c_str(), &wanted) != 0) return false;
  const std::string device =
      fmt::format("{:02x}:{:02x}", major(wanted.st_dev), minor(wanted.st_dev));
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::string line;
  while (std::getline(maps, line)) {
    // "7f…-7f… rw-s 00000000 fe:01 131 /path". The name may be of another mount
    // namespace, then device and inode tell; some file systems show another
    // device here, then the name does.
    const auto parts = words(line);
    if (parts.size() >= 6 && to_number<ino_t>(parts[4]) == wanted.st_ino &&
        (parts[3] == device || parts[5] == path)) {
      return true;
    }
  }
  return false;
}

std::vector<pid_t> processes_that_map(const std::string& path) {
  std::vector<pid_t> ours = {::getpid()};
  while (const auto entry = read_entry(ours.back())) {
    if (entry->parent <= 1) break;
    ours.push_back(entry->parent);
  }
  std::vector<pid_t> out;
  for (const pid_t pid : all_pids()) {
    if (std::ranges::find(ours, pid) != ours.end()) continue;
    const auto entry = read_entry(pid);
    if (entry && !has_thread_in_state_d(pid) && maps_file(pid, path)) {
      out.push_back(pid);
    }
  }
  return out;
}

bool end_processes(const std::vector<pid_t>& pids, Millis grace,
                   Millis patience) {
  for (const pid_t pid : pids) ::kill(pid, SIGTERM);
  const Boot start = BootClock::now();
  bool killed = false;
  while (true) {
    reap();
    if (std::ranges::none_of(pids, is_alive)) return true;
    const Millis waited = BootClock::now() - start;
    if (waited > patience) return false;
    if (!killed && waited > grace) {
      killed = true;
      for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    }
    ::usleep(2'000);
  }
}

bool end_descendants(Millis grace, Millis patience) {
  const Boot start = BootClock::now();
  while (true) {
    reap();
    const auto left = descendants(::getpid());
    if (left.empty()) return true;
    const Millis spent = BootClock::now() - start;
    if (spent > patience) return false;
    end_processes(left, std::max(0ms, grace - spent), patience - spent);
  }
}

}  // namespace gpuward::simulator
