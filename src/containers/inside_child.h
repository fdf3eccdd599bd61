// What the child of inside.cpp does, between fork and _exit: nothing here
// allocates, takes a lock or returns to the caller's code. Paths are made
// before; answers go into memory that both share.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace gpuward::containers::inside {

inline constexpr size_t kMaxNodes = 512;

struct Question {
  const char* host_path = nullptr;  // of a node with these numbers, if any
  const char* path = nullptr;       // in the container
  unsigned major_number = 0;
  unsigned minor_number = 0;
  int access = 0;  // R_OK, W_OK
};

struct Assignment {
  const char* name = nullptr;       // of the task, at most 15 bytes
  const char* root = nullptr;       // "/proc/PID/root"
  const char* mountinfo = nullptr;  // "/proc/PID/mountinfo"
  const char* cgroup = nullptr;     // the folder
  const char* procs = nullptr;      // its cgroup.procs
  bool is_v2 = true;
  bool join = true;  // else only what can be seen from outside
  const Question* questions = nullptr;
  size_t count = 0;
  int pipe = -1;  // open as long as somebody is at work
};

enum class Presence : int { unknown, present, missing };
enum class Library : int { unknown, none, version, no_version };
// Where it is; of use where it does not come back.
enum class Phase : int { start, files, library, joining, asking, done };

struct Answer {
  Presence presence = Presence::unknown;
  bool has_node = false;  // there was something to ask about
  bool asked = false;
  int node_error = 0;     // why there is no node, an errno
  int outside_error = 0;  // the same question before joining
  int error = 0;          // 0: allowed
};

// In shared memory, zero at first. The child may die at any point.
struct Report {
  std::atomic<Phase> phase;
  int root_error = 0;
  int join_error = 0;
  Library library = Library::unknown;
  std::array<char, 32> version{};
  // The second child, that was born in the cgroup; the kernel writes it.
  pid_t second = 0;
  std::array<Answer, kMaxNodes> answers{};
};

[[noreturn]] void work(const Assignment& assignment, Report& report);

}  // namespace gpuward::containers::inside
