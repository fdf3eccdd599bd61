// The device nodes of the NVIDIA driver, by name and number: those that exist,
// and those that are to come. They are looked at, never opened.
//
// Numbers: nvidiactl 255 and nvidia-modeset 254 beside the GPUs' minors, uvm 0
// and uvm-tools 1, nvswitchctl 255, and in the two capability folders the
// number in the name (open-gpu-kernel-modules, nvidia-modprobe). Majors are
// what /proc/devices says; all but nvidia's own may change with each load.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/root.h"
#include "model/evidence.h"

namespace gpuward::evidence {

struct DeviceNumbers {
  unsigned major_number = 0;
  unsigned minor_number = 0;

  auto operator<=>(const DeviceNumbers&) const = default;
};

// "195:255"; and back, nothing for any other text.
std::string in_words(const DeviceNumbers& numbers);
std::optional<DeviceNumbers> device_numbers(std::string_view text);

struct NvidiaNode {
  std::string path;  // "/dev/nvidia0", or below the driver's root
  DeviceNumbers numbers;
  bool exists = true;
  // A plain file stands in for it: a tree that cannot hold device nodes.
  bool stand_in = false;

  bool operator==(const NvidiaNode&) const = default;
};

struct NvidiaNodes {
  std::vector<NvidiaNode> nodes;  // sorted by numbers, each number once
  // What no number can be said for, and why; sentences.
  std::vector<std::string> problems;
  std::vector<Gap> gaps;
};

// Name and major of each character driver, from the text of /proc/devices.
using Majors = std::vector<std::pair<std::string, unsigned>>;
Majors character_majors(std::string_view devices);

// What a node must have by its path below /dev ("nvidia-uvm",
// "nvidia-caps/nvidia-cap3"). Nothing for what is no node of the driver's, and
// while its driver has no major.
std::optional<DeviceNumbers> numbers_by_name(std::string_view below_dev,
                                             const Majors& majors);
bool is_nvidia_name(std::string_view below_dev);

// The folders that hold nodes, /dev itself first; they need not exist.
std::array<std::string, 3> node_folders(std::string_view driver_root);

enum class Which {
  existing,
  // Those too that the loaded modules will have: one for each bound GPU and
  // switch, nvidiactl, modeset, uvm, and every capability of the driver's fixed
  // table (config, monitor, 135 MIG instances for each GPU).
  to_come,
};
// `driver_root`: below which /dev is looked at; empty for the root itself.
NvidiaNodes find_nvidia_nodes(const host::Root& root,
                              std::string_view driver_root, Which which);

}  // namespace gpuward::evidence
