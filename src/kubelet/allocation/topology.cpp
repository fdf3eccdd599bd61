#include "kubelet/allocation/topology.h"

#include <algorithm>

#include "base/text.h"
#include "evidence/snapshot_facts.h"

namespace gpuward::kubelet::allocation {
namespace {

constexpr int kUnknown = 0;
constexpr int kSystem = 10;
constexpr int kNode = 20;
constexpr int kHostBridge = 30;
constexpr int kSeveralBridges = 40;
constexpr int kOneBridge = 50;
constexpr int kBoard = 60;
constexpr int kNvLink = 100;

int numa_score(const GpuPlace& left, const GpuPlace& right) {
  if (left.numa_node && right.numa_node) {
    return *left.numa_node == *right.numa_node ? kNode : kSystem;
  }
  const bool placed = !left.pci_path.empty() && !right.pci_path.empty();
  return placed ? kSystem : kUnknown;
}

struct Links {
  std::vector<int> direct;  // to each GPU of the list
  int to_switches = 0;
};

Links links_of(const GpuPlace& place, const std::vector<std::string>& gpus) {
  Links out;
  out.direct.resize(gpus.size());
  for (const NvLinkEnd& link : place.nvlinks) {
    if (!link.active || link.remote.empty()) continue;
    const auto peer =
        std::ranges::find(gpus, evidence::pci_address(link.remote));
    if (peer == gpus.end()) {
      ++out.to_switches;
    } else {
      ++out.direct[static_cast<size_t>(peer - gpus.begin())];
    }
  }
  return out;
}

}  // namespace

int pci_score(const GpuPlace& left, const GpuPlace& right) {
  if (!left.board.empty() && left.board == right.board) return kBoard;
  const auto mine = split(left.pci_path, '/');
  const auto theirs = split(right.pci_path, '/');
  const auto [at, other] = std::ranges::mismatch(mine, theirs);
  const auto shared = at - mine.begin();
  if (shared == 0 || mine.front().empty()) return numa_score(left, right);
  if (shared == 1) return kHostBridge;
  // A switch is a bridge upwards and one downwards for each device: two GPUs
  // below the same switch have a bridge of their own at most.
  const bool one = mine.end() - at <= 1 && theirs.end() - other <= 1;
  return one ? kOneBridge : kSeveralBridges;
}

PairScores::PairScores(size_t devices)
    : devices_(devices), scores_(devices * devices) {}

PairScores::PairScores(const std::vector<GpuPlace>& places)
    : PairScores(places.size()) {
  std::vector<std::string> addresses;
  for (const GpuPlace& place : places) {
    addresses.push_back(evidence::pci_address(place.pci));
  }
  std::vector<Links> links;
  for (const GpuPlace& place : places) {
    links.push_back(links_of(place, addresses));
  }
  for (size_t i = 0; i < devices_; ++i) {
    for (size_t j = 0; j < i; ++j) {
      // A link is there where both ends say so.
      const int direct = std::min(links[i].direct[j], links[j].direct[i]);
      const int by_switch =
          std::min(links[i].to_switches, links[j].to_switches);
      set(i, j,
          pci_score(places[i], places[j]) + kNvLink * (direct + by_switch));
    }
  }
}

void PairScores::set(size_t left, size_t right, int score) {
  if (left == right) return;
  score = std::clamp(score, 0, kMost);
  scores_[left * devices_ + right] = score;
  scores_[right * devices_ + left] = score;
}

}  // namespace gpuward::kubelet::allocation
