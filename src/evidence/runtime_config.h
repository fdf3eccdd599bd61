// Which cgroup driver each container runtime of this machine uses, and which
// file says so. With the systemd driver containers live in scopes, whose
// device rules systemd renews when it reloads; with cgroupfs they do not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence/config_files.h"
#include "evidence/source.h"

namespace gpuward::evidence {

struct CgroupDriver {
  std::string runtime;  // "docker", "containerd", "cri-o", "podman"
  std::string handler;  // one of containerd's runtimes: "runc", "nvidia"
  std::string driver;   // "systemd", "cgroupfs", "" where it cannot be told
  std::string why;      // it cannot be told
  // That decides: a file of configuration, or of a unit. Empty: no file says
  // anything, it is the runtime's default.
  std::string file;
  // The value's place in that file: {"plugins", …, "SystemdCgroup"}. A flag of
  // a command line is one part: {"--exec-opt"}.
  std::vector<std::string> key;

  bool is_flag() const { return key.size() == 1 && key[0].starts_with('-'); }
  bool operator==(const CgroupDriver&) const = default;
};

// "containerd (nvidia) uses the systemd cgroup driver (SystemdCgroup in
// /etc/containerd/config.toml)"
std::string in_words(const CgroupDriver& driver);

// Of every runtime that is installed, in the order docker, containerd, cri-o,
// podman. A containerd whose CRI part is switched off has no driver of its own.
std::vector<CgroupDriver> read_cgroup_drivers(const ConfigFiles& files);
std::vector<CgroupDriver> read_docker_driver(const ConfigFiles& files);
std::vector<CgroupDriver> read_containerd_drivers(const ConfigFiles& files);
std::vector<CgroupDriver> read_crio_driver(const ConfigFiles& files);
std::vector<CgroupDriver> read_podman_driver(const ConfigFiles& files);

// docker's live-restore: with it containers outlive a restart of the daemon.
// Nothing where daemon.json cannot be read.
std::optional<bool> docker_live_restore(const ConfigFiles& files);

// systemd is the init and cgroup is v2: Docker's own choice, and advice, is the
// systemd driver then.
bool docker_prefers_systemd(const host::Root& root);
// daemon.json, or what --config-file of its unit says.
std::string docker_config_file(const host::Root& root);
// The unit's file that gives dockerd any --exec-opt: dockerd does not start
// where daemon.json has "exec-opts" as well.
std::optional<std::string> docker_exec_opt_file(const host::Root& root);

inline constexpr std::string_view kDockerConfig = "/etc/docker/daemon.json";
inline constexpr std::string_view kContainerdConfig =
    "/etc/containerd/config.toml";
inline constexpr std::string_view kCrioConfig = "/etc/crio/crio.conf";
inline constexpr std::string_view kCrioDropIns = "/etc/crio/crio.conf.d";

// Facts cgroup_driver, kubelet_cgroup_driver and cpu_manager.
Collected collect_runtime_config(const host::Host& host);

}  // namespace gpuward::evidence
