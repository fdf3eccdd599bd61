// Making a child process, in one way for all of gpuward.
//
// Of its parent a child keeps what its spec names and nothing else:
// descriptors, arguments, environment. Its signals are all at their defaults
// and none is blocked, whatever its parent ignores; its folder is "/". So it
// holds no terminal, pipe or lock of ours that the spec does not give to it,
// and may be left behind where it is stuck.
//
// Thread: any, but a child with `work` only from a process of one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace gpuward::host {

struct ChildSpec {
  // descriptors[n] becomes n; -1 is /dev/null. The first three are what the
  // child reads, prints and complains to.
  std::vector<int> descriptors = {-1, -1, -1};

  // What it executes: a path, or a name that our PATH is searched for; or,
  // where neither is open to it, a descriptor.
  std::string program;
  int program_file = -1;
  std::vector<std::string> arguments;    // the name first
  std::vector<std::string> environment;  // "NAME=value"
  // Or what it calls instead; the child ends with 0 when that returns.
  std::function<void()> work;
  std::string name;  // of a child with `work`, as ps shows it

  enum class Group { own, own_session, of_parent };
  Group group = Group::own;
  bool keeps_folder = false;  // our working directory, instead of "/"
  bool dies_with_parent = false;
  // Nobody's child: it leaves no zombie, and its end cannot be waited for.
  bool is_orphan = false;
  // nobody's user and group, no capabilities. Without root only: no new ones.
  bool drop_rights = false;
  uint64_t most_memory = 0;       // bytes of address space; 0: as its parent
  unsigned most_cpu_seconds = 0;  // 0: as its parent
};

class Child {
 public:
  // 0 for an orphan.
  pid_t pid() const { return pid_; }
  // Whether there is nothing of it any more; reaps it.
  bool is_gone();
  // Its wait status, if it ends by then. Looks each millisecond: kernels before
  // 5.3 have no descriptor that tells of a child's end.
  std::optional<int> status_by(Boot deadline);
  // The group, by SIGKILL; waits 50 ms at most. A task in state D does not end
  // by that: false, and it is left to end when it can.
  bool kill_group();
  // Once it has ended: the errno with which it could not be started.
  std::optional<int> start_failure() const;

 private:
  friend Result<Child> start_child(const ChildSpec& spec);
  Child(pid_t pid, Fd failure) : pid_(pid), failure_(std::move(failure)) {}

  pid_t pid_ = 0;
  Fd failure_;  // tells errno, or is closed by the exec
};

// Error::system where no process can be made.
Result<Child> start_child(const ChildSpec& spec);

struct Pipe {
  Fd read_end, write_end;  // close-on-exec both
};
Result<Pipe> make_pipe();

}  // namespace gpuward::host
