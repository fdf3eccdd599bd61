#include "kubelet/allocation/topology.h"

#include <gtest/gtest.h>

namespace gpuward::kubelet::allocation {
namespace {

GpuPlace at(std::string path, std::optional<int> node = {}) {
  return {.pci_path = std::move(path), .numa_node = node};
}

TEST(PciScore, FollowsTheTreeOfBridges) {
  const GpuPlace gpu = at("pci0000:0a/0a:01.0/0b:00.0/0c:00.0", 0);
  const auto with = [&gpu](const GpuPlace& other) {
    EXPECT_EQ(pci_score(gpu, other), pci_score(other, gpu));
    return pci_score(gpu, other);
  };
  // Another port of the same switch, or the same bridge.
  EXPECT_EQ(with(at("pci0000:0a/0a:01.0/0b:00.0/0c:01.0", 0)), 50);
  EXPECT_EQ(with(at("pci0000:0a/0a:01.0/0b:00.0/0c:00.0", 0)), 50);
  // Below a second switch.
  EXPECT_EQ(with(at("pci0000:0a/0a:01.0/0b:00.0/0c:01.0/0d:00.0/0e:00.0", 0)),
            40);
  // Another port of the processor.
  EXPECT_EQ(with(at("pci0000:0a/0a:02.0/2b:00.0/2c:00.0", 0)), 30);
  EXPECT_EQ(with(at("pci0000:0a", 0)), 30);
  EXPECT_EQ(with(at("pci0000:4a/4a:01.0/4b:00.0/4c:00.0", 0)), 20);
  EXPECT_EQ(with(at("pci0000:8a/8a:01.0/8b:00.0/8c:00.0", 1)), 10);
}

TEST(PciScore, ANodeThatIsNotKnownIsFarAway) {
  EXPECT_EQ(pci_score(at("pci0000:0a"), at("pci0000:0b", 0)), 10);
  EXPECT_EQ(pci_score(at("pci0000:0a"), at("pci0000:0b")), 10);
  // Of the place nothing is known but the node, or not even that.
  EXPECT_EQ(pci_score(at("", 0), at("pci0000:0b", 0)), 20);
  EXPECT_EQ(pci_score(at("", 0), at("", 1)), 10);
  EXPECT_EQ(pci_score(at(""), at("pci0000:0b", 0)), 0);
  EXPECT_EQ(pci_score(at(""), at("")), 0);
}

TEST(PciScore, TwoGpusOfOneBoard) {
  GpuPlace left = at("pci0000:0a/0a:01.0");
  GpuPlace right = at("pci0000:0a/0a:01.0");
  left.board = right.board = "0324512045678";
  EXPECT_EQ(pci_score(left, right), 60);
  left.board = right.board = "";
  EXPECT_EQ(pci_score(left, right), 50);
}

// GPUs far from each other, so that 10 comes from the tree.
std::vector<GpuPlace> gpus(int count) {
  std::vector<GpuPlace> out;
  for (int i = 0; i < count; ++i) {
    const std::string digit = std::to_string(i);
    out.push_back({.uuid = "GPU-" + digit,
                   .pci = "0000:" + digit + "a:00.0",
                   .pci_path = "pci0000:" + digit + "a",
                   .numa_node = i});
  }
  return out;
}

void link(GpuPlace& from, const std::string& remote, int count,
          bool active = true) {
  for (int i = 0; i < count; ++i) from.nvlinks.push_back({remote, active});
}

TEST(PairScores, CountsNvLinksBetweenTwo) {
  auto places = gpus(3);
  // As NVML writes addresses.
  link(places[0], "00000000:1A:00.0", 3);
  link(places[1], "00000000:0A:00.0", 3);
  link(places[1], "00000000:2A:00.0", 1, false);
  link(places[2], "00000000:1A:00.0", 1, false);
  const PairScores scores(places);
  EXPECT_EQ(scores.of(0, 1), 310);
  EXPECT_EQ(scores.of(1, 0), 310);
  EXPECT_EQ(scores.of(1, 2), 10);
  EXPECT_EQ(scores.of(0, 2), 10);
  EXPECT_EQ(scores.of(1, 1), 0);
}

TEST(PairScores, ALinkThatOneEndDeniesIsNone) {
  auto places = gpus(2);
  link(places[0], "0000:1a:00.0", 2);
  link(places[1], "0000:0a:00.0", 1);
  link(places[1], "0000:0a:00.0", 1, false);
  EXPECT_EQ(PairScores(places).of(0, 1), 110);
}

TEST(PairScores, AnNvSwitchJoinsAll) {
  auto places = gpus(4);
  for (GpuPlace& place : places) {
    link(place, "00000000:04:00.0", 9);
    link(place, "00000000:05:00.0", 9);
  }
  places[2].nvlinks[0].active = false;
  places[3].nvlinks.clear();
  const PairScores scores(places);
  EXPECT_EQ(scores.of(0, 1), 1810);
  EXPECT_EQ(scores.of(0, 2), 1710);
  EXPECT_EQ(scores.of(0, 3), 10);
}

TEST(PairScores, ALinkToALostGpuLeadsToNoSwitch) {
  auto places = gpus(3);
  link(places[0], "00000000:2A:00.0", 4);
  link(places[1], "00000000:2A:00.0", 4);
  EXPECT_EQ(PairScores(places).of(0, 1), 10);
}

TEST(PairScores, AnEndThatIsNotToldCountsForNothing) {
  auto places = gpus(2);
  link(places[0], "", 4);
  link(places[1], "", 4);
  EXPECT_EQ(PairScores(places).of(0, 1), 10);
}

}  // namespace
}  // namespace gpuward::kubelet::allocation
