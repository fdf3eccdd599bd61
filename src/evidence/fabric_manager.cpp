#include "evidence/fabric_manager.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "evidence/log_file.h"
#include "evidence/packages.h"
#include "evidence/unit_files.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "fabric-manager";
constexpr std::string_view kUnit = "nvidia-fabricmanager.service";
constexpr std::string_view kLog = "/var/log/fabricmanager.log";
constexpr std::string_view kProgram = "/usr/bin/nv-fabricmanager";
// TASK_COMM_LEN cuts names at 15 characters.
constexpr std::string_view kComm = "nv-fabricmanage";
// Made by the driver where it found NVSwitches.
constexpr std::string_view kSwitchNode = "/dev/nvidia-nvswitchctl";

bool is_running(const host::Root& root, const std::vector<std::string>& tasks) {
  return std::ranges::any_of(tasks, [&root](const std::string& name) {
    const auto pid = to_number<int>(name);
    if (!pid) return false;
    const auto stat = host::task_stat(root, *pid);
    return stat && stat->comm == kComm && stat->state != 'Z';
  });
}

// The package is named after the driver's branch; since 590 it is not.
std::string installed_version(const host::Root& root) {
  const auto status = read_dpkg_status(root);
  if (!status) return {};
  const auto driver = root.read_word("/sys/module/nvidia/version");
  const std::string branch =
      driver ? driver->substr(0, driver->find('.')) : std::string();
  for (const std::string& name : {"nvidia-fabricmanager-" + branch,
                                  std::string("nvidia-fabricmanager")}) {
    if (const auto version = package_version(*status, name)) {
      return plain_version(*version);
    }
  }
  return {};
}

// Of the one that runs, where packages do not tell (rpm): "Fabric Manager
// version 570.172.08 is running with the following configuration options".
std::string version_in_log(const host::Root& root) {
  constexpr size_t kEnd = 256 * 1024;
  constexpr std::string_view kWords = "Fabric Manager version ";
  const auto lines = read_tail(root, kLog, kEnd);
  if (!lines) return {};
  std::string last;
  for (const FileLine& line : *lines) {
    const size_t at = line.text.find(kWords);
    if (at == std::string::npos) continue;
    const std::string_view rest =
        std::string_view(line.text).substr(at + kWords.size());
    last = rest.substr(0, rest.find_first_not_of("0123456789."));
  }
  return last;
}

}  // namespace

Collected collect_fabric_manager(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  const bool installed =
      root.exists(kProgram) || !read_unit(root, kUnit).texts.empty();
  if (!installed && !root.exists(kSwitchNode)) return out;
  const auto tasks = root.list("/proc");
  if (!tasks || !root.exists("/proc/uptime")) {
    out.gaps.push_back({std::string(kSource), "no tasks to be seen in /proc"});
    return out;
  }
  const std::string state = is_running(root, *tasks) ? "running"
                            : installed              ? "stopped"
                                                     : "absent";
  out.evidence.push_back(node_fact(kSource, fact::kFabricManager, state,
                                   "the fabric manager is " + state));
  const std::string installed_now = installed_version(root);
  const bool running = state == "running";
  const std::string version =
      installed_now.empty() && running ? version_in_log(root) : installed_now;
  if (version.empty()) return out;
  const bool in_log = installed_now.empty();
  out.evidence.push_back(
      node_fact(kSource, fact::kFabricManagerVersion, version,
                fmt::format("{} of the fabric manager: {}",
                            in_log ? "log" : "package", version),
                std::string(in_log ? kLog : kDpkgStatus)));
  return out;
}

}  // namespace gpuward::evidence
