// Containers that were given NVIDIA devices: what host records say of them,
// and what they can open now and tomorrow.
//
// A record is what stands on the host's side: the OCI specification in the
// runtime's bundle, Docker's own files, CDI, the kubelet's checkpoint, the
// toolkit's rules. Nothing that a container could have made itself, nodes in
// its /dev above all, ever becomes a Grant (design, law 9).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/evidence.h"

namespace gpuward {

// One device node that host records say a container may use.
struct Grant {
  std::string path;  // in the container, "/dev/nvidia0"
  unsigned major_number = 0;
  unsigned minor_number = 0;
  std::string access;  // of "r", "w", "m": "rw", "rwm", "r"
  std::string record;  // "OCI specification", "kubelet checkpoint", "CDI", …
  std::string file;    // in which it stands

  bool operator==(const Grant&) const = default;
};

// How the devices come into the container: decides who may lose them.
enum class Injection {
  unknown,
  devices,  // nodes in the OCI specification (--device, CDI, jit-cdi, plugin)
  legacy,   // NVIDIA's hook adds them behind the runtime's back
};

// What a child in the container's cgroup was told by faccessat.
struct NodeAccess {
  enum class Now { unknown, allowed, denied };
  Grant grant;
  Now now = Now::unknown;
  std::string why;  // for unknown; for denied, the errno ("EPERM")
  // The node lies in the container's /dev. Nothing where it was not looked at.
  std::optional<bool> present;

  bool operator==(const NodeAccess&) const = default;
};

// A BPF_CGROUP_DEVICE program on the container's cgroup or on one above it
// (cgroup v2). All of them must allow.
struct DeviceProgram {
  uint32_t id = 0;
  std::string name;    // "sd_devices"; most runtimes give none
  std::string owner;   // "systemd", "runc", "crun", "nvidia", "unknown"
  std::string cgroup;  // to which it is attached
  // Judged by running its instructions over the question; nothing where they
  // could not be read (not root, bpf_jit_harden) or not be followed.
  std::optional<std::vector<std::string>> denies;  // "195:0", …

  bool operator==(const DeviceProgram&) const = default;
};

// What systemd would apply to the scope when it realises it again.
struct ScopePolicy {
  std::string unit;                // "docker-ID.scope"
  std::string policy;              // "strict", "closed", "auto"
  std::vector<std::string> allow;  // "/dev/char/195:0 rwm", "char-pts rwm", …
  std::vector<std::string> files;  // the drop-ins that say so

  bool operator==(const ScopePolicy&) const = default;
};

// Whether access lasts.
enum class Tomorrow {
  unknown,
  safe,
  lost_at_reload,  // daemon-reload, daemon-reexec, or an update
  lost_at_update,  // docker update, an in-place resize, the CPU manager
};

struct Container {
  std::string label;  // unique on the node: name, namespace/pod/name, short id
  std::string runtime;  // "docker", "containerd", "cri-o", "podman", "runc", …
  std::string oci_runtime;  // "runc", "crun", "" where no record says
  std::string id;
  std::string name;
  std::string image;
  std::string pod, pod_namespace;

  int pid = 0;  // its first process, in the host's namespace
  uint64_t start_time = 0;
  // Where it lies in the hierarchy that governs devices, as /proc/PID/cgroup
  // says; and that as a folder of the evidence root.
  std::string cgroup;         // "/system.slice/docker-ID.scope"
  std::string cgroup_folder;  // "/sys/fs/cgroup/system.slice/…"
  bool cgroup_v2 = true;
  std::string unit;  // the systemd scope around it, empty for cgroupfs
  bool frozen = false;
  bool privileged = false;  // all devices of the host were granted
  bool rootless = false;    // in a user namespace of its own

  Injection injection = Injection::unknown;
  std::vector<Grant> grants;  // sorted by path, each node once
  // What was asked for or given and cannot be resolved to a node: a GPU's UUID
  // while nobody knows its minor. Never healed, always said.
  std::vector<std::string> unresolved;
  // NVIDIA_VISIBLE_DEVICES asks for GPUs and nothing gave it any: no hook, no
  // node, no rule. Images of CUDA ask by themselves, so this alone is no fault.
  bool asked_only = false;

  // Filled in by the look at it (containers/look.h).
  std::vector<NodeAccess> nodes;  // one per grant
  std::vector<DeviceProgram> programs;
  std::optional<ScopePolicy> policy;
  Tomorrow tomorrow = Tomorrow::unknown;
  std::string tomorrow_why;
  // The driver's library inside: its version, "" where there is none; nothing
  // where it could not be looked at.
  std::optional<std::string> library;

  bool operator==(const Container&) const = default;
};

// "/dev/nvidia0, /dev/nvidiactl"
std::string nodes_in_words(const Container& container);
// "docker-bc045274b44b….scope": ids are long.
std::string unit_in_words(std::string_view unit);
// "docker container tv (bc045274b44b)"
std::string in_words(const Container& container);

std::string_view name_of(Injection injection);
std::string_view name_of(NodeAccess::Now now);
std::string_view name_of(Tomorrow tomorrow);

}  // namespace gpuward
