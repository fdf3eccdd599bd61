// Which tasks lie in which cgroup, by /proc/PID/cgroup, and which container a
// cgroup's name speaks of.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"

namespace gpuward::containers {

// The hierarchy that governs devices: v1's controller where it is mounted,
// else v2's device programs (on a hybrid machine either).
struct DeviceHierarchy {
  bool v2 = true;
  std::string folder;   // "/sys/fs/cgroup", "/sys/fs/cgroup/devices"
  std::string freezer;  // v1's, empty where v2 freezes
};
DeviceHierarchy device_hierarchy(const host::Root& root);

// The lines of /proc/PID/cgroup that matter.
struct TaskCgroups {
  std::string devices;  // v1's controller; empty where there is none
  std::string freezer;
  std::string unified;  // the line "0::"

  const std::string& governing(const DeviceHierarchy& hierarchy) const {
    return hierarchy.v2 ? unified : devices;
  }
};
TaskCgroups parse_task_cgroups(std::string_view text);

struct TasksByCgroup {
  // Of the governing hierarchy; those at its root are left out.
  std::map<std::string, std::vector<int>> tasks;
  std::map<int, std::string> cgroup_of;
};
// Reads one file for each task. Fails where /proc cannot be listed.
Result<TasksByCgroup> tasks_by_cgroup(const host::Root& root,
                                      const DeviceHierarchy& hierarchy);

// A cgroup whose name says that it is a container's, and where its name ends:
// everything below belongs to it too (systemd in it, containers in it).
struct NamedCgroup {
  std::string runtime;  // "docker", "containerd", …; empty where not said
  std::string id;
  std::string path;  // down to the part with the id
  std::string unit;  // "docker-ID.scope", empty for cgroupfs

  bool operator==(const NamedCgroup&) const = default;
};
// The outermost one on the path. conmon's and pods' own are none.
std::optional<NamedCgroup> container_of_cgroup(std::string_view path);

// The scope around a container of which only the path is known: the innermost
// "….scope" that is no user's session and no systemd's own.
std::string scope_of(std::string_view path);
// "f0e1…" of "/kubepods/besteffort/podf0e1…/ID" and of systemd's way of it.
std::string pod_uid_of(std::string_view path);

bool is_frozen(const host::Root& root, const DeviceHierarchy& hierarchy,
               const std::string& cgroup, int pid);

}  // namespace gpuward::containers
