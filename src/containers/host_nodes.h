// The host's own NVIDIA device nodes and which numbers are NVIDIA's: a record
// of the host as good as any. Looked at with lstat, never opened.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "containers/device_rules.h"
#include "host/host.h"
#include "model/evidence.h"

namespace gpuward::containers {

struct HostNode {
  std::string path;
  DeviceNumber number;

  bool operator==(const HostNode&) const = default;
};

// A GPU as the agent's snapshot knows it.
struct KnownGpu {
  int index = -1;
  unsigned minor_number = 0;
  std::string uuid;
  std::vector<std::string> mig_uuids;
};

struct HostNodes {
  std::vector<HostNode> nodes;  // sorted by path; of NVIDIA's majors alone
  std::set<unsigned> majors;    // 195 and what /proc/devices adds
  // Of this boot; empty where there is no such snapshot.
  std::vector<KnownGpu> gpus;

  const HostNode* find(std::string_view path) const;
  // The nodes of GPUs, /dev/nvidiaN.
  std::vector<HostNode> gpu_nodes() const;
};

// Under /dev, by name: nvidia*, nvidia-caps/*, nvidia-caps-imex-channels/*.
bool is_nvidia_path(std::string_view path);

HostNodes read_host_nodes(const host::Host& host, std::vector<Gap>& gaps);

// The node of the GPU that NVIDIA_VISIBLE_DEVICES or a device plugin names: an
// index, a UUID, a MIG device's UUID, "MIG-GPU-…/i/j" or "i:j". Only NVML
// knows which index has which minor: without a snapshot an index is believed
// where the nodes are exactly 0..n-1. The error says why there is none.
struct NamedGpu {
  HostNode node;
  bool is_mig = false;  // more nodes go with it, under /dev/nvidia-caps
};
// `may_guess`: while no snapshot of this boot says which minor GPU 1 of several
// has, it is taken to be 1.
Result<NamedGpu> find_gpu(const HostNodes& host, std::string_view name,
                          bool may_guess);

}  // namespace gpuward::containers
