// What one GPU said of itself in one round of the prober.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/reading.h"

namespace gpuward {

struct MigDevice {
  int index = 0;  // as in nvidia-smi -L
  std::string uuid;
  std::string profile;  // "3g.48gb"
  int gpu_instance = -1;
  int compute_instance = -1;
  int64_t memory_bytes = 0;
  // Minors of the nodes below /dev/nvidia-caps that open the two instances,
  // from the driver's mig-minors; nothing where that could not be read.
  std::optional<int> gpu_cap = std::nullopt;
  std::optional<int> compute_cap = std::nullopt;

  bool operator==(const MigDevice&) const = default;
};

struct NvLink {
  int link = 0;
  bool active = false;
  std::string remote;  // PCI address at the other end, empty if not told

  bool operator==(const NvLink&) const = default;
};

struct GpuProcess {
  int64_t pid = 0;
  std::string kind;  // "compute", "graphics", "mps"
  std::optional<int64_t> memory_bytes;
  int gpu_instance = -1;
  int compute_instance = -1;

  bool operator==(const GpuProcess&) const = default;
};

// `list` counts only where `state` is a value; the rest as in Reading.
template <typename Item>
struct Listing {
  Reading status;  // its value is the number of items
  std::vector<Item> items;

  bool operator==(const Listing&) const = default;
};

struct Gpu {
  int index = -1;  // NVML's index in the round that gave this frame
  // Keyed by the names of model/fields.h.
  std::map<std::string, Reading, std::less<>> readings;
  Listing<MigDevice> mig;
  Listing<NvLink> nvlinks;
  Listing<GpuProcess> processes;

  bool operator==(const Gpu&) const = default;
};

// The reading called `field`; one in state unknown where there is none.
const Reading& reading(const Gpu& gpu, std::string_view field);

}  // namespace gpuward
