// Where GPUs sit, and how well each pair of them is connected.
//
// The scale is go-gpuallocator's, so that what NVIDIA's device plugin prefers
// is preferred here too. One level of the PCI tree counts for each pair:
//
//   60  same board      the boards' serial numbers are equal
//   50  PIX             one PCIe bridge or switch between them
//   40  PXB             several bridges, no host bridge
//   30  PHB             the same host bridge (root complex)
//   20  NODE            host bridges of the same NUMA node
//   10  SYS             anything farther
//    0                  of one of them nothing is known
//
// and 100 are added for each NVLink between the two. NVSwitches, which
// go-gpuallocator leaves out, count here: a switch joins each GPU with every
// other one, so that two GPUs have as many links between them as the one has
// that has fewer. Where all links are up this adds the same to every pair and
// changes no choice; a GPU that has lost links is chosen last.
//
// Pure. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gpuward::kubelet::allocation {

struct NvLinkEnd {
  std::string remote;  // PCI address at the other end; empty: not told
  bool active = false;
};

struct GpuPlace {
  std::string uuid;
  std::string pci;  // any of the usual ways to write an address
  // From the root complex down, as evidence/pci_topology.h has it:
  // "pci0000:0c/0000:0c:01.0/…", without the GPU itself. Empty: not known.
  std::string pci_path;
  std::optional<int> numa_node;
  std::string board;  // serial number; empty: not known
  std::vector<NvLinkEnd> nvlinks;
};

// Symmetric; of() a device and itself is 0.
class PairScores {
 public:
  static constexpr int kMost = 100'000;

  explicit PairScores(size_t devices);
  // A link whose other end is no GPU of the list leads to a switch: GPUs that
  // are lost or ill belong in the list as well.
  explicit PairScores(const std::vector<GpuPlace>& places);

  size_t devices() const { return devices_; }
  int of(size_t left, size_t right) const {
    return scores_[left * devices_ + right];
  }
  // Both ways; below 0 and above kMost it is cut.
  void set(size_t left, size_t right, int score);

 private:
  size_t devices_;
  std::vector<int> scores_;
};

// As in the table above, without NVLink.
int pci_score(const GpuPlace& left, const GpuPlace& right);

}  // namespace gpuward::kubelet::allocation
