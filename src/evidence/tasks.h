// Tasks that sit in the NVIDIA driver. What is read (stat, wchan, stack,
// syscall, the links in fd) is safe whatever state the task is in.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

struct TaskScan {
  std::vector<StuckTask> in_driver;
  // Tasks in state D of which it cannot be told where they wait.
  int untold = 0;
  // Processes whose threads were not looked at, for want of time.
  int skipped = 0;
};

// Two levels: the main thread of every process, then the other threads of
// those that have some, the processes with few threads first (an NVML client
// has few; a big server must not hide it), until 200 ms are over. A task
// counts when it is in state D in the driver and has not moved 20 ms later.
// `not_these`: our own probers, of which the caller knows more.
TaskScan scan_tasks(const host::Root& root, const std::vector<int>& not_these);

// How one process stands: the thread of `pid` that looks most stuck (state D,
// then R, then the main thread). Where that runs (R), it is looked at twice,
// 50 ms apart, to tell kernel from user space. Fails if the process is gone.
Result<StuckTask> inspect_task(const host::Root& proc_root, int pid);
// The same of its main thread alone.
Result<StuckTask> inspect_main_thread(const host::Root& proc_root, int pid);

// Tasks, and facts hung_task and hung_in_driver for each.
Collected collect_tasks(const host::Host& host);

// Pure parts.
// "[<0>] nv_open+0x1/0x2 [nvidia]" → "nv_open [nvidia]"
std::string frame_of(std::string_view stack_line);
// A frame or a wait channel of the NVIDIA modules.
bool is_in_driver(std::string_view frame);
// "202 0x7f… …" → "futex"; a number without a name of ours stays a number;
// empty for "running".
std::string syscall_in(std::string_view text);
std::string in_words(const StuckTask& task);

}  // namespace gpuward::evidence
