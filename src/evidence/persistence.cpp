#include "evidence/persistence.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward {
namespace {

constexpr std::string_view kSource = "persistence";
constexpr std::string_view kUnit = "nvidia-persistenced.service";
// TASK_COMM_LEN cuts names at 15 characters.
constexpr std::string_view kComm = "nvidia-persiste";
constexpr std::string_view kPidFile =
    "/run/nvidia-persistenced/nvidia-persistenced.pid";
// Where systemd looks, the first that has a file of a name wins.
constexpr std::string_view kUnitFolders[] = {
    "/etc/systemd/system", "/run/systemd/system",
    "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system"};
constexpr size_t kMaxUnit = 256 << 10;

// A unit's text from its file and its drop-ins, in the order of their names.
struct Unit {
  std::vector<std::string> texts;
  std::string file;  // that of the last text
};

Unit read_unit(const Root& root) {
  Unit unit;
  for (const std::string_view folder : kUnitFolders) {
    const std::string path = fmt::format("{}/{}", folder, kUnit);
    auto text = root.read(path, kMaxUnit);
    if (!text) continue;
    unit.texts.push_back(std::move(*text));
    unit.file = path;
    break;
  }
  if (unit.texts.empty()) return unit;
  std::map<std::string, std::string> drop_ins;  // name → path
  for (const std::string_view folder : kUnitFolders) {
    const std::string where = fmt::format("{}/{}.d", folder, kUnit);
    for (const std::string& name :
         root.list(where).value_or(std::vector<std::string>{})) {
      if (name.ends_with(".conf")) drop_ins.emplace(name, where + "/" + name);
    }
  }
  for (const auto& [name, path] : drop_ins) {
    auto text = root.read(path, kMaxUnit);
    if (!text) continue;
    if (text->find("ExecStart") != std::string::npos) {
      unit.file = path;
    }
    unit.texts.push_back(std::move(*text));
  }
  return unit;
}

bool is_daemon(const Root& root, int pid) {
  const auto stat = task_stat(root, pid);
  return stat && stat->comm == kComm && stat->state != 'Z';
}

bool is_running(const Root& root) {
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

std::string state_of(const Root& root, const Unit& unit) {
  if (is_running(root)) return "running";
  const bool installed = !unit.texts.empty() ||
                         root.exists("/usr/bin/nvidia-persistenced") ||
                         root.exists("/usr/sbin/nvidia-persistenced");
  return installed ? "stopped" : "absent";
}

}  // namespace

std::vector<std::string> exec_starts(const std::vector<std::string>& files) {
  std::vector<std::string> commands;
  for (const std::string& file : files) {
    bool in_service = false;
    std::string joined;
    for (const std::string_view raw : split(file, '\n')) {
      const std::string_view line = trim(raw);
      if (joined.empty() && (line.starts_with('#') || line.starts_with(';'))) {
        continue;
      }
      if (line.ends_with('\\')) {
        joined += std::string(line.substr(0, line.size() - 1)) + ' ';
        continue;
      }
      const std::string whole = std::exchange(joined, {}) + std::string(line);
      if (whole.starts_with('[')) in_service = whole == "[Service]";
      const size_t equals = whole.find('=');
      if (!in_service || equals == std::string::npos) continue;
      if (trim(whole.substr(0, equals)) != "ExecStart") continue;
      const std::string value(trim(std::string_view(whole).substr(equals + 1)));
      if (value.empty()) {
        commands.clear();
      } else {
        commands.push_back(value);
      }
    }
  }
  return commands;
}

Collected collect_persistence(const Host& host) {
  Collected out;
  const Root& root = host.evidence;
  if (!root.exists("/proc/uptime")) {
    out.gaps.push_back({std::string(kSource), "no tasks to be seen in /proc"});
    return out;
  }
  const Unit unit = read_unit(root);
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

}  // namespace gpuward
