#include "agent/kernel_xids.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_tree.h"

namespace gpuward::agent {
namespace {

const Wall kBooted = Wall(Millis(1'769'000'000'000));

void take(XidLog& log, uint64_t seconds, std::string text) {
  log.take({3, seconds, seconds * 1'000'000, std::move(text)}, kBooted);
}

TEST(XidLog, KeepsTheNewestOfEachCodeAtEachPlace) {
  XidLog log;
  take(log, 10, "NVRM: Xid (PCI:0000:0f:00): 48, pid=7, name=p, An error");
  take(log, 20, "NVRM: Xid (PCI:0000:0f:00 GPU-I:05 GPU-CI:00): 94, pid=7, x");
  take(log, 25, "NVRM: Xid (PCI:0000:0f:00 GPU-I:05 GPU-CI:01): 94, pid=7, x");
  take(log, 30, "NVRM: Xid (PCI:0000:0f:00): 48, pid=8, name=q, Another");
  take(log, 31, "NVRM: a line that speaks of Xid 79");
  take(log, 32, "user: NVRM: Xid 79");
  take(log, 33, "nvidia-nvswitch0: SXid (PCI:0000:c3:00.0): 20034, Fatal");
  const auto events = log.events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].pci, "0000:0f:00.0");
  EXPECT_EQ(events[0].code, 94);
  EXPECT_EQ(events[0].gpu_instance, 5);
  EXPECT_EQ(events[0].compute_instance, 0);
  EXPECT_EQ(events[0].when, kBooted + 20s);
  EXPECT_EQ(events[1].compute_instance, 1);
  EXPECT_EQ(events[2].code, 48);
  EXPECT_EQ(events[2].gpu_instance, std::nullopt);
  EXPECT_EQ(events[2].when, kBooted + 30s);
  EXPECT_EQ(events[2].text, "Another");
}

TEST(XidLog, IsBoundedAndTheOldestGo) {
  XidLog log;
  for (uint64_t i = 0; i < 300; ++i) {
    take(log, i,
         fmt::format("NVRM: Xid (PCI:{:04x}:0f:00): 48, pid=7, x", i + 1));
  }
  const auto events = log.events();
  ASSERT_EQ(events.size(), XidLog::kMost);
  EXPECT_EQ(events.front().when, kBooted + 44s);
  EXPECT_EQ(events.back().when, kBooted + 299s);
}

TEST(XidLog, TellsWhenTheDriverWasLoadedLast) {
  XidLog log;
  EXPECT_EQ(log.driver_loaded_at(), std::nullopt);
  take(log, 8, "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570");
  take(log, 90, "NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.104.05");
  EXPECT_EQ(log.driver_loaded_at(), kBooted + 90s);
}

host::Host host_of(const TempTree& tree) {
  auto host = host::Host::open({tree.path(), tree.path() + "/run"});
  EXPECT_TRUE(host.has_value());
  return std::move(*host);
}

TEST(KernelXids, LooksOnFromWhereItWas) {
  TempTree tree;
  tree.file("/proc/uptime", "1000.00 1.0\n");
  tree.file("/dev/kmsg", "3,0,5000000,-;NVRM: Xid (PCI:0000:0f:00): 79, x\n");
  const host::Host host = host_of(tree);
  KernelXids xids(host);
  xids.look_at_all();
  Snapshot snapshot;
  xids.add_to(snapshot);
  ASSERT_EQ(snapshot.xids.size(), 1u);
  const Millis age = wall_now() - snapshot.xids[0].when;
  EXPECT_GE(age, 994s);
  EXPECT_LE(age, 1000s);
  std::ofstream(tree.path() + "/dev/kmsg", std::ios::app)
      << "3,1,6000000,-;NVRM: Xid (PCI:0000:34:00): 48, x\n";
  xids.look();
  xids.add_to(snapshot);
  ASSERT_EQ(snapshot.xids.size(), 2u);
  EXPECT_EQ(snapshot.xids[1].pci, "0000:34:00.0");
  EXPECT_TRUE(snapshot.gaps.empty());
}

TEST(KernelXids, ALogThatCannotBeReadIsAGapAndSaidOnce) {
  TempTree tree;
  tree.file("/proc/uptime", "1000.00 1.0\n");
  const host::Host host = host_of(tree);
  KernelXids xids(host);
  Snapshot snapshot;
  snapshot.gaps = {{"pci", "other"}};
  for (int i = 0; i < 2; ++i) {
    xids.look();
    xids.add_to(snapshot);
  }
  ASSERT_EQ(snapshot.gaps.size(), 2u);
  EXPECT_EQ(snapshot.gaps[1].source, "xids");
  tree.file("/dev/kmsg", "3,0,5000000,-;NVRM: Xid (PCI:0000:0f:00): 79, x\n");
  xids.look();
  xids.add_to(snapshot);
  EXPECT_EQ(snapshot.gaps.size(), 1u);
  EXPECT_EQ(snapshot.xids.size(), 1u);
}

}  // namespace
}  // namespace gpuward::agent
