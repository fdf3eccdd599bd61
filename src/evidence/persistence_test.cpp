#include "evidence/persistence.h"

#include <gtest/gtest.h>

#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

const std::string kUnit = "/nvidia-persistenced.service";

std::string value_of(const TempTree& tree, std::string_view key) {
  const auto host = host::Host::open({tree.path(), "/run"});
  for (const Evidence& item : collect_persistence(*host).evidence) {
    if (item.key == key) return to_text(item.value);
  }
  return "-";
}

std::string stat_line(const std::string& pid, const std::string& comm) {
  return pid + " (" + comm + ") S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 99 0\n";
}

TEST(Persistence, RunningStoppedAbsent) {
  TempTree tree;
  tree.file("/proc/uptime", "1 1\n");
  EXPECT_EQ(value_of(tree, fact::kPersistenced), "absent");
  tree.file("/usr/lib/systemd/system" + kUnit, "[Service]\nExecStart=/x\n");
  EXPECT_EQ(value_of(tree, fact::kPersistenced), "stopped");
  tree.file("/proc/77/stat", stat_line("77", "nvidia-persiste"));
  EXPECT_EQ(value_of(tree, fact::kPersistenced), "running");
}

TEST(Persistence, FlagFromTheUnitAndItsDropIns) {
  TempTree tree;
  tree.file("/proc/uptime", "1 1\n");
  tree.file("/usr/lib/systemd/system" + kUnit,
            "[Service]\nExecStart=/usr/bin/nvidia-persistenced --user x "
            "--no-persistence-mode --verbose\n");
  EXPECT_EQ(value_of(tree, fact::kPersistencedFlag), "--no-persistence-mode");
  const std::string drop_in = kUnit + ".d/override.conf";
  tree.file("/etc/systemd/system" + drop_in,
            "[Service]\nExecStart=\nExecStart=/usr/bin/nvidia-persistenced\n");
  EXPECT_EQ(value_of(tree, fact::kPersistencedFlag), "-");
  // A drop-in of the same name in a folder of lower rank does not count.
  tree.file("/usr/lib/systemd/system" + drop_in,
            "[Service]\nExecStart=\nExecStart=/x --no-persistence-mode\n");
  EXPECT_EQ(value_of(tree, fact::kPersistencedFlag), "-");
}

TEST(Persistence, TheUnitInEtcHidesThePackages) {
  TempTree tree;
  tree.file("/proc/uptime", "1 1\n");
  tree.file("/lib/systemd/system" + kUnit,
            "[Service]\nExecStart=/x --no-persistence-mode\n");
  tree.file("/etc/systemd/system" + kUnit, "[Service]\nExecStart=/x\n");
  EXPECT_EQ(value_of(tree, fact::kPersistencedFlag), "-");
}

}  // namespace
}  // namespace gpuward::evidence
