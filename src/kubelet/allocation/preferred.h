// The answer to GetPreferredAllocation: which devices of a resource a container
// had best be given. From memory alone; it never fails, since the kubelet
// rejects a pod for good on any error.
//
//   whole GPUs    the best connected set: best_set.h
//   replicas,     spread over GPUs, or packed: share.h
//   MIG devices
//
// Pure. Thread: any; a view is not changed by questions.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kubelet/allocation/gpu_scores.h"
#include "kubelet/allocation/share.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::allocation {

// The devices of one resource, all of one kind.
struct Allocatable {
  enum class Kind { gpu, mig, replica };
  struct Device {
    std::string id;  // as the kubelet has it: "GPU-…", "MIG-…", "GPU-…::3"
    std::string gpu;  // UUID of the GPU that it is, or is a part of
    // What a replica is one of: a UUID of a GPU or of a MIG device. Not used
    // for the other kinds.
    std::string replica_of;
  };

  Kind kind = Kind::gpu;
  Placement placement = Placement::distributed;  // of MIG devices and replicas
  std::vector<Device> devices;                   // ties go to the first
  // For whole GPUs: of all GPUs of the node, the lost ones too (see
  // PairScores). A GPU that is not among them is connected to nothing.
  std::vector<GpuPlace> places;
};

struct Preferred {
  wire::DeviceIds ids;
  // False where there were too many GPUs for the best set to be searched for:
  // a good one was taken.
  bool exact = true;
};

// What is computed once, when the inventory changes. Of a node with 16 GPUs it
// is 256 KiB, of one with 8 it is 1 KiB. The default one knows no device.
class AllocationView {
 public:
  AllocationView() = default;
  explicit AllocationView(const Allocatable& allocatable);

  // The ids are among the available ones, in the order of the devices. They
  // hold what must be included, as far as it is available, and are as many as
  // were asked for. Where that cannot be (too few, or more that must be
  // included than asked for) they are as many as can be. A device that is not
  // known here is taken where it must be included, or where those that are
  // known are too few. Whatever the order of the lists, the answer is the same.
  Preferred preferred(const wire::PreferredWish& wish) const;

 private:
  class Choice;
  Allocatable::Kind kind_ = Allocatable::Kind::gpu;
  Placement placement_ = Placement::distributed;
  std::vector<std::string> ids_;
  std::vector<int> groups_;  // of each device
  GpuScores scores_;
  std::unordered_map<std::string, size_t> index_;  // into ids_
};

}  // namespace gpuward::kubelet::allocation
