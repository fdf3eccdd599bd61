// A whole machine for the tests of find_containers, rendered as a file tree in
// the shapes that docker 20.10, podman 4.3, containerd 1.6, runc 1.1.5 and crun
// 1.8.1 leave behind.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

#include "containers/find.h"
#include "support/temp_tree.h"

namespace gpuward::containers {

inline std::string id_of(char digit) { return std::string(64, digit); }

inline constexpr const char* kDeny = R"({"allow": false, "access": "rwm"})";
inline constexpr const char* kNode0 =
    R"({"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0})";
inline constexpr const char* kControl =
    R"({"path": "/dev/nvidiactl", "type": "c", "major": 195, "minor": 255})";

inline std::string rule(int major_number, int minor_number,
                        const char* access) {
  return fmt::format(
      R"({{"allow": true, "type": "c", "major": {}, "minor": {},)"
      R"( "access": "{}"}})",
      major_number, minor_number, access);
}

struct Spec {
  std::string devices, rules, environment, hooks, annotations, mounts;

  std::string text() const {
    return fmt::format(
        R"({{"process": {{"env": [{}]}}, "hooks": {{"prestart": [{}]}},
            "mounts": [{}], "annotations": {{{}}}, "linux": {{
            "devices": [{}], "resources": {{"devices": [{}]}}}}}})",
        environment, hooks, mounts, annotations, devices,
        rules.empty() ? kDeny : kDeny + (", " + rules));
  }
};

inline Spec with_gpu(const char* access = "rwm") {
  Spec spec;
  spec.devices = fmt::format("{}, {}", kNode0, kControl);
  spec.rules = rule(195, 0, access) + ", " + rule(195, 255, access);
  return spec;
}

inline Spec with_hook(const std::string& visible) {
  Spec spec;
  spec.environment = "\"NVIDIA_VISIBLE_DEVICES=" + visible + "\"";
  spec.hooks = R"({"path": "/usr/bin/nvidia-container-runtime-hook"})";
  return spec;
}

class Machine {
 public:
  enum class Kind { v2, v1, hybrid };

  explicit Machine(Kind kind = Kind::v2) : kind_(kind) {
    tree_.file("/proc/devices",
               "Character devices:\n  1 mem\n195 nvidia\n510 nvidia-uvm\n\n"
               "Block devices:\n  7 loop\n");
    if (kind == Kind::v2) tree_.file("/sys/fs/cgroup/cgroup.controllers", "");
    if (kind == Kind::v1) tree_.directory("/sys/fs/cgroup/devices");
    if (kind != Kind::v2) tree_.directory("/sys/fs/cgroup/unified");
    if (kind != Kind::v2) tree_.directory("/sys/fs/cgroup/freezer");
    for (const char* name : {"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"}) {
      tree_.file(std::string("/dev/") + name, "");
    }
    task(1, 1, "/init.scope");
  }

  Machine& task(int pid, int start_time, const std::string& cgroup) {
    const std::string folder = fmt::format("/proc/{}", pid);
    tree_.file(folder + "/stat",
               fmt::format("{} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {} "
                           "0 0",
                           pid, start_time));
    // The kernel names v1's hierarchies even where they are mounted nowhere.
    tree_.file(folder + "/cgroup",
               kind_ == Kind::v1
                   ? fmt::format("5:devices:{0}\n6:freezer:{0}\n0::/\n", cgroup)
                   : fmt::format("5:devices:/\n0::{}\n", cgroup));
    return *this;
  }
  Machine& file(const std::string& path, const std::string& text) {
    tree_.file(path, text);
    return *this;
  }

  // One of Docker's with a single task.
  Machine& docker(char digit, int pid, const Spec& spec) {
    const std::string id = id_of(digit);
    task(pid, pid * 10, "/system.slice/docker-" + id + ".scope");
    file("/run/containerd/io.containerd.runtime.v2.task/moby/" + id +
             "/config.json",
         spec.text());
    file("/run/docker/runtime-runc/moby/" + id + "/state.json",
         runc_state(pid, pid * 10, ""));
    return docker_files(digit, fmt::format("box-{}", digit), "{}");
  }
  Machine& docker_files(char digit, const std::string& name,
                        const std::string& host_config) {
    const std::string folder = "/var/lib/docker/containers/" + id_of(digit);
    file(folder + "/config.v2.json",
         fmt::format(R"({{"Name": "/{}", "Config": {{"Image": "cuda"}}}})",
                     name));
    return file(folder + "/hostconfig.json", host_config);
  }
  static std::string runc_state(int pid, int start_time,
                                const std::string& bundle) {
    return fmt::format(
        R"({{"init_process_pid": {}, "init_process_start": {},
            "config": {{"labels": ["bundle={}"]}}}})",
        pid, start_time, bundle);
  }
  static std::string crun_status(int pid, int start_time,
                                 const std::string& bundle) {
    return fmt::format(
        R"({{"pid": {}, "process-start-time": {}, "bundle": "{}"}})", pid,
        start_time, bundle);
  }

  FoundContainers find() const {
    auto evidence = host::Root::open(tree_.path());
    auto self = host::Root::open(tree_.path());
    EXPECT_TRUE(evidence && self);
    const host::Host host{std::move(*evidence), std::move(*self),
                          "/run/gpuward", "/var/lib/gpuward"};
    return find_containers(host);
  }
  const std::string& path() const { return tree_.path(); }

 private:
  Kind kind_;
  TempTree tree_;
};

inline std::string in_short(const Container& container) {
  std::string out;
  for (const Grant& grant : container.grants) {
    out += fmt::format("{} {}:{} {};", grant.path.substr(5), grant.major_number,
                       grant.minor_number, grant.access);
  }
  return out;
}

// The one container that there is.
inline Container only(const FoundContainers& found) {
  EXPECT_EQ(found.containers.size(), 1U);
  for (const Gap& gap : found.gaps) ADD_FAILURE() << gap.why;
  return found.containers.empty() ? Container{} : found.containers[0];
}

}  // namespace gpuward::containers
