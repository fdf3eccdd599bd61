#include "containers/cgroups.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMaxFile = 64 << 10;
constexpr size_t kIdLength = 64;  // of Docker's, containerd's, Podman's

bool is_id(std::string_view text) {
  return text.size() == kIdLength && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// systemd's VALID_CHARS. A cgroup may be called anything.
bool is_unit_name(std::string_view text) {
  constexpr size_t kMost = 255;
  return text.size() <= kMost && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') ||
                  std::string_view(":-_.\\@").find(c) != std::string_view::npos;
         });
}

struct Prefix {
  std::string_view prefix, runtime;
};
// Of the scope or of the cgroup itself. crio-conmon- and libpod-conmon- are
// not among them, and what follows the prefix must be an id.
constexpr std::array<Prefix, 6> kPrefixes = {{{"docker-", "docker"},
                                              {"cri-containerd-", "containerd"},
                                              {"crio-", "cri-o"},
                                              {"libpod-", "podman"},
                                              {"nerdctl-", "containerd"},
                                              {"podman-", "podman"}}};

// The folder in which a runtime with cgroupfs puts its containers.
std::string runtime_by_folder(std::string_view folder) {
  if (folder == "docker") return "docker";
  if (folder == "libpod_parent") return "podman";
  if (folder == "default" || folder == "nerdctl") return "containerd";
  return {};
}

// What one part of a path says; `before` is the part in front of it.
std::optional<NamedCgroup> read_part(std::string_view part,
                                     std::string_view before) {
  NamedCgroup out;
  constexpr std::string_view kPayload = "lxc.payload.";
  if (part.starts_with(kPayload) && part.size() > kPayload.size()) {
    out.runtime = "lxc";
    out.id = part.substr(kPayload.size());
    return out;
  }
  if ((before == "lxc" || before == "lxc.payload") && !part.empty()) {
    out.runtime = "lxc";
    out.id = part;
    return out;
  }
  const bool is_scope = part.ends_with(".scope");
  std::string_view name = part;
  if (is_scope) {
    name.remove_suffix(std::string_view(".scope").size());
    out.unit = part;
  }
  for (const Prefix& each : kPrefixes) {
    if (name.starts_with(each.prefix) &&
        is_id(name.substr(each.prefix.size()))) {
      out.runtime = each.runtime;
      out.id = name.substr(each.prefix.size());
      return out;
    }
  }
  if (is_scope || !is_id(name)) return std::nullopt;
  out.runtime = runtime_by_folder(before);
  out.id = name;
  return out;
}

}  // namespace

DeviceHierarchy device_hierarchy(const host::Root& root) {
  const std::string base = "/sys/fs/cgroup";
  // /proc/PID/cgroup names a v1 hierarchy even where it is mounted nowhere.
  if (root.exists(base + "/cgroup.controllers")) return {true, base, ""};
  if (root.exists(base + "/devices")) {
    return {false, base + "/devices", base + "/freezer"};
  }
  if (root.exists(base + "/unified")) {
    return {true, base + "/unified",
            root.exists(base + "/freezer") ? base + "/freezer" : ""};
  }
  return {true, base, ""};
}

TaskCgroups parse_task_cgroups(std::string_view text) {
  TaskCgroups out;
  for (const std::string_view line : split(text, '\n')) {
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (names.empty() && line.starts_with("0:")) out.unified = path;
    for (const std::string_view name : split(names, ',')) {
      if (name == "devices") out.devices = path;
      if (name == "freezer") out.freezer = path;
    }
  }
  return out;
}

Result<TasksByCgroup> tasks_by_cgroup(const host::Root& root,
                                      const DeviceHierarchy& hierarchy) {
  TasksByCgroup out;
  for (const std::string& name : TRY(root.list("/proc"))) {
    const auto pid = to_number<int>(name);
    if (!pid || *pid <= 0) continue;
    const auto text = root.read("/proc/" + name + "/cgroup", kMaxFile);
    if (!text) continue;  // gone meanwhile
    const std::string path = parse_task_cgroups(*text).governing(hierarchy);
    // "/.." is a cgroup outside of what this machine can name.
    if (path.size() < 2 || path.starts_with("/..")) continue;
    out.tasks[path].push_back(*pid);
    out.cgroup_of.emplace(*pid, path);
  }
  return out;
}

std::optional<NamedCgroup> container_of_cgroup(std::string_view path) {
  std::string_view before;
  size_t at = 0;
  while (at < path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (auto found = read_part(part, before)) {
      found->path = path.substr(0, end);
      return found;
    }
    if (!part.empty()) before = part;
    at = end + 1;
  }
  return std::nullopt;
}

std::string scope_of(std::string_view path) {
  std::string found;
  for (const std::string_view part : split(path, '/')) {
    if (!is_unit_name(part) || !part.ends_with(".scope") ||
        part == "init.scope" || part.starts_with("session-")) {
      continue;
    }
    found = part;
  }
  return found;
}

std::string pod_uid_of(std::string_view path) {
  for (std::string_view part : split(path, '/')) {
    if (part.ends_with(".slice")) part.remove_suffix(6);
    const size_t pod = part.rfind("pod");
    // "kubepods-besteffort-podUID" and "podUID", but not "kubepods".
    if (pod == std::string_view::npos || (pod > 0 && part[pod - 1] != '-')) {
      continue;
    }
    std::string uid(part.substr(pod + 3));
    constexpr size_t kUidLength = 36;
    // A minus is a level of slices for systemd.
    std::ranges::replace(uid, '_', '-');
    if (uid.size() == kUidLength) return uid;
  }
  return {};
}

bool is_frozen(const host::Root& root, const DeviceHierarchy& hierarchy,
               const std::string& cgroup, int pid) {
  if (!hierarchy.freezer.empty()) {
    const auto text = root.read(fmt::format("/proc/{}/cgroup", pid), kMaxFile);
    const std::string path =
        text ? parse_task_cgroups(*text).freezer : std::string();
    const auto state =
        root.read_word(hierarchy.freezer + path + "/freezer.state");
    if (state && (*state == "FROZEN" || *state == "FREEZING")) return true;
  }
  if (!hierarchy.v2) return false;
  const auto events = root.read(hierarchy.folder + cgroup + "/cgroup.events");
  if (events && events->find("frozen 1") != std::string::npos) return true;
  // Asked for and not yet done: it will be.
  const auto wanted =
      root.read_word(hierarchy.folder + cgroup + "/cgroup.freeze");
  return wanted && *wanted == "1";
}

}  // namespace gpuward::containers
