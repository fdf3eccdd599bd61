// Identity of tasks: pid and start time, within a boot. /proc/PID/stat is safe
// to read whatever the task's state (design, law 1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/root.h"

namespace gpuward::host {

struct TaskStat {
  int pid = 0;
  std::string comm;
  char state = '?';
  int parent = 0;
  uint64_t user_ticks = 0;
  uint64_t system_ticks = 0;
  int threads = 0;
  uint64_t start_time = 0;  // ticks since boot

  bool operator==(const TaskStat&) const = default;
};

// One line of /proc/PID/stat. The command may hold spaces and brackets.
Result<TaskStat> parse_task_stat(std::string_view line);

// Error::not_found once the task is gone.
Result<TaskStat> task_stat(const Root& root, int pid);

// False if it cannot be told.
bool is_same_task(const Root& root, int pid, uint64_t start_time);

Result<std::string> boot_id_of(const Root& root);

}  // namespace gpuward::host
