#include "kubelet/plugin/unnamed.h"

#include <gtest/gtest.h>

#include "model/fields.h"

namespace gpuward::kubelet::plugin {
namespace {

const std::string kFirst = "0000:0f:00.0";
const std::string kSecond = "0000:34:00.0";

std::vector<std::string> uuids(const std::vector<KnownGpu>& gpus) {
  std::vector<std::string> out;
  for (const KnownGpu& gpu : gpus) out.push_back(gpu.uuid);
  return out;
}

Gpu frame(const std::string& address, Reading handle) {
  Gpu gpu;
  gpu.readings[std::string(field::kPciBusId)] =
      reading_of(Value(address), Wall{});
  gpu.readings[std::string(field::kHandle)] = std::move(handle);
  return gpu;
}

class Unnamed : public testing::Test {
 protected:
  Unnamed() {
    snapshot_.gpus = {frame(kFirst, reading_of(Value(true), Wall{})),
                      frame(kSecond, reading_error(15, "GPU_IS_LOST", Wall{}))};
    named_.gpus = {KnownGpu{.uuid = "GPU-1", .pci = kFirst}};
  }
  BusPlaces places_ = {{kFirst, {.numa_node = 1, .path = "pci0000:0c"}},
                       {kSecond, {.numa_node = -1}}};
  Snapshot snapshot_;
  Inventory named_;
};

TEST_F(Unnamed, P3_WhereNothingWasEverNamedAllThatAreBoundAreListed) {
  const auto gpus = unnamed_gpus({}, nullptr, places_, MigStrategy::single);
  EXPECT_EQ(uuids(gpus), (std::vector<std::string>{"unnamed-" + kFirst,
                                                   "unnamed-" + kSecond}));
  EXPECT_EQ(gpus[0].numa_node, 1);
  EXPECT_EQ(gpus[0].bus_path, "pci0000:0c");
  EXPECT_EQ(gpus[1].numa_node, std::nullopt);
  places_[kFirst].is_bound = false;  // a virtual machine has it
  EXPECT_EQ(uuids(unnamed_gpus({}, nullptr, places_, MigStrategy::none)),
            std::vector<std::string>{"unnamed-" + kSecond});
}

TEST_F(Unnamed, OneThatWasLostBeforeItWasNamedIsListedBesideTheOthers) {
  EXPECT_EQ(
      uuids(unnamed_gpus(named_, &snapshot_, places_, MigStrategy::mixed)),
      std::vector<std::string>{"unnamed-" + kSecond});
  EXPECT_TRUE(
      unnamed_gpus(named_, nullptr, places_, MigStrategy::mixed).empty());
}

TEST_F(Unnamed, OneThatIsKnownKeepsItsName) {
  named_.gpus.push_back({.uuid = "GPU-2", .pci = kSecond});
  EXPECT_TRUE(
      unnamed_gpus(named_, &snapshot_, places_, MigStrategy::none).empty());
}

TEST_F(Unnamed, UnderOneNameForAllNothingUnknownIsAdded) {
  EXPECT_TRUE(
      unnamed_gpus(named_, &snapshot_, places_, MigStrategy::single).empty());
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
