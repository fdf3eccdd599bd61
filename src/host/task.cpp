#include "host/task.h"

#include <fmt/core.h>

#include "base/text.h"

namespace gpuward::host {
namespace {

// Fields as numbered in proc(5), counted from the one after the command.
constexpr size_t kState = 3;
constexpr size_t kParent = 4;
constexpr size_t kUserTicks = 14;
constexpr size_t kSystemTicks = 15;
constexpr size_t kThreads = 20;
constexpr size_t kStartTime = 22;

}  // namespace

Result<TaskStat> parse_task_stat(std::string_view line) {
  const size_t open = line.find('(');
  const size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open) {
    return fail(Error::Kind::malformed, "no command in a task's stat");
  }
  const auto fields = words(line.substr(close + 1));
  if (fields.size() <= kStartTime - kState) {
    return fail(Error::Kind::malformed, "a task's stat is cut short");
  }
  const auto number = [&](size_t field) {
    return to_number<uint64_t>(fields[field - kState]).value_or(0);
  };
  TaskStat out;
  out.pid = to_number<int>(trim(line.substr(0, open))).value_or(0);
  out.comm = line.substr(open + 1, close - open - 1);
  out.state = fields[0][0];
  out.parent = static_cast<int>(number(kParent));
  out.user_ticks = number(kUserTicks);
  out.system_ticks = number(kSystemTicks);
  out.threads = static_cast<int>(number(kThreads));
  out.start_time = number(kStartTime);
  return out;
}

Result<TaskStat> task_stat(const Root& root, int pid) {
  return parse_task_stat(TRY(root.read(fmt::format("/proc/{}/stat", pid))));
}

bool is_same_task(const Root& root, int pid, uint64_t start_time) {
  const auto stat = task_stat(root, pid);
  // A zombie holds nothing any more.
  return stat && stat->start_time == start_time && stat->state != 'Z' &&
         stat->state != 'X';
}

Result<std::string> boot_id_of(const Root& root) {
  return root.read_word("/proc/sys/kernel/random/boot_id");
}

}  // namespace gpuward::host
