#include "evidence/persistence.h"

#include <algorithm>

#include "base/text.h"
#include "evidence/unit_files.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "persistence";
constexpr std::string_view kUnit = "nvidia-persistenced.service";
// TASK_COMM_LEN cuts names at 15 characters.
constexpr std::string_view kComm = "nvidia-persiste";
constexpr std::string_view kPidFile =
    "/run/nvidia-persistenced/nvidia-persistenced.pid";

bool is_daemon(const host::Root& root, int pid) {
  const auto stat = host::task_stat(root, pid);
  return stat && stat->comm == kComm && stat->state != 'Z';
}

bool is_running(const host::Root& root) {
  if (const auto word = root.read_word(kPidFile)) {
    const auto pid = to_number<int>(*word);
    if (pid && is_daemon(root, *pid)) return true;
  }
  const auto names = root.list("/proc");
  if (!names) return false;
  return std::ranges::any_of(*names, [&root](const std::string& name) {
    const auto pid = to_number<int>(name);
    return pid && is_daemon(root, *pid);
  });
}

// The last word about persistence mode on a command line; empty for none.
std::string flag_in(std::string_view command) {
  std::string flag;
  for (const std::string_view word : words(command)) {
    if (word == "--no-persistence-mode" || word == "--persistence-mode") {
      flag = word;
    }
  }
  return flag;
}

std::string state_of(const host::Root& root, const UnitFiles& unit) {
  if (is_running(root)) return "running";
  const bool installed = !unit.texts.empty() ||
                         root.exists("/usr/bin/nvidia-persistenced") ||
                         root.exists("/usr/sbin/nvidia-persistenced");
  return installed ? "stopped" : "absent";
}

}  // namespace

Collected collect_persistence(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  if (!root.exists("/proc/uptime")) {
    out.gaps.push_back({std::string(kSource), "no tasks to be seen in /proc"});
    return out;
  }
  const UnitFiles unit = read_unit(root, kUnit);
  const std::string state = state_of(root, unit);
  out.evidence.push_back(node_fact(kSource, fact::kPersistenced, state,
                                   "nvidia-persistenced is " + state));
  for (const std::string& command : exec_starts(unit.texts)) {
    const std::string flag = flag_in(command);
    if (flag.empty()) continue;
    out.evidence.push_back(
        node_fact(kSource, fact::kPersistencedFlag, flag,
                  "nvidia-persistenced is started with " + flag, unit.file));
  }
  return out;
}

}  // namespace gpuward::evidence
