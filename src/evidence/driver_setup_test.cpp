// Sources about the driver's surroundings: Secure Boot, modes, nvidia-uvm, the
// fabric manager.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "evidence/fabric_manager.h"
#include "evidence/node_access.h"
#include "evidence/pci.h"
#include "evidence/secure_boot.h"
#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

using Collect = Collected (*)(const host::Host&);

std::string value_of(const TempTree& tree, Collect collect,
                     std::string_view key) {
  const auto host = host::Host::open({tree.path(), "/run"});
  const Collected got = collect(*host);
  for (const Evidence& item : got.evidence) {
    if (item.key == key) return to_text(item.value);
  }
  return got.gaps.empty() ? "-" : "gap";
}

const std::string kVariable =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

TEST(SecureBoot, OnOffAndUnknown) {
  const auto state = [](const TempTree& tree) {
    return value_of(tree, collect_secure_boot, fact::kSecureBoot);
  };
  TempTree tree;
  EXPECT_EQ(state(tree), "-");
  tree.directory("/sys/firmware/acpi");
  EXPECT_EQ(state(tree), "off");
  tree.directory("/sys/firmware/efi");
  EXPECT_EQ(state(tree), "-");
  tree.file(kVariable, std::string("\6\0\0\0\1", 5));
  EXPECT_EQ(state(tree), "on");
  tree.file(kVariable, std::string("\6\0\0\0\0", 5));
  EXPECT_EQ(state(tree), "off");
  tree.file(kVariable, std::string("\6\0", 2));
  EXPECT_EQ(state(tree), "gap");
}

TEST(NodeAccess, MajorOfACharacterDevice) {
  const std::string devices =
      "Character devices:\n195 nvidia\n507 nvidia-uvm\n\nBlock devices:\n"
      "  9 nvidia-caps\n";
  EXPECT_EQ(character_major(devices, "nvidia-uvm"), 507);
  EXPECT_EQ(character_major(devices, "nvidia-caps"), std::nullopt);
  EXPECT_EQ(character_major(devices, "nvidia-u"), std::nullopt);
}

TEST(NodeAccess, Uvm) {
  const auto state = [](const TempTree& tree) {
    return value_of(tree, collect_node_access, fact::kUvm);
  };
  TempTree tree;
  tree.file("/proc/devices", "Character devices:\n195 nvidia\n");
  EXPECT_EQ(state(tree), "-") << "no driver, no word about its other module";
  tree.directory("/sys/module/nvidia");
  EXPECT_EQ(state(tree), "absent");
  tree.file("/proc/devices", "Character devices:\n507 nvidia-uvm\n");
  EXPECT_EQ(state(tree), "absent");
  tree.file("/dev/nvidia-uvm", "");
  EXPECT_EQ(state(tree), "present");
}

TEST(NodeAccess, RealNodes) {
  TempTree tree;
  tree.directory("/dev").directory("/sys/module/nvidia");
  tree.file("/proc/devices", "Character devices:\n507 nvidia-uvm\n");
  const auto make = [&](const char* name, int major_number, mode_t mode) {
    const std::string path = tree.path() + name;
    return ::mknod(path.c_str(), S_IFCHR, makedev(major_number, 255)) == 0 &&
           ::chmod(path.c_str(), mode) == 0;
  };
  if (!make("/dev/nvidiactl", 195, 0660) || !make("/dev/nvidia-uvm", 511, 0666))
    GTEST_SKIP() << "no device nodes can be made here";
  EXPECT_EQ(value_of(tree, collect_node_access, fact::kGpuNodeMode), "0660");
  EXPECT_EQ(value_of(tree, collect_node_access, fact::kUvm), "wrong major");
}

TEST(FabricManager, NothingToSayWithoutSwitches) {
  TempTree tree;
  tree.file("/proc/uptime", "1 1\n");
  EXPECT_EQ(value_of(tree, collect_fabric_manager, fact::kFabricManager), "-");
}

TEST(FabricManager, AbsentStoppedRunningAndItsVersion) {
  const auto state = [](const TempTree& tree) {
    return value_of(tree, collect_fabric_manager, fact::kFabricManager);
  };
  TempTree tree;
  tree.file("/proc/uptime", "1 1\n").file("/dev/nvidia-nvswitchctl", "");
  EXPECT_EQ(state(tree), "absent");
  tree.file("/usr/bin/nv-fabricmanager", "");
  EXPECT_EQ(state(tree), "stopped");
  tree.file("/proc/77/stat",
            "77 (nv-fabricmanage) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 99 "
            "0\n");
  EXPECT_EQ(state(tree), "running");
  tree.file("/sys/module/nvidia/version", "550.120\n");
  tree.file("/var/lib/dpkg/status",
            "Package: nvidia-fabricmanager-550\nStatus: install ok installed\n"
            "Version: 550.127.05-0ubuntu0.22.04.1\n\n");
  EXPECT_EQ(value_of(tree, collect_fabric_manager, fact::kFabricManagerVersion),
            "550.127.05");
}

// Where packages do not tell, the log of the one that runs does.
TEST(FabricManager, ItsLogTellsTheVersionThatRuns) {
  TempTree tree;
  tree.file("/proc/uptime", "1 1\n").file("/usr/bin/nv-fabricmanager", "");
  tree.file("/var/log/fabricmanager.log",
            "[t] [INFO] [tid 9] Fabric Manager version 570.158.01 is running "
            "with the following configuration options\n"
            "[t] [INFO] [tid 9] Fabric Manager version 570.172.08 is running "
            "with the following configuration options\n");
  const auto version = [&tree] {
    return value_of(tree, collect_fabric_manager, fact::kFabricManagerVersion);
  };
  EXPECT_EQ(version(), "-");
  tree.file("/proc/77/stat",
            "77 (nv-fabricmanage) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 99 "
            "0\n");
  EXPECT_EQ(version(), "570.172.08");
}

TEST(Pci, CountsSwitches) {
  TempTree tree;
  tree.file("/sys/bus/pci/devices/0000:85:00.0/vendor", "0x10de\n");
  tree.file("/sys/bus/pci/devices/0000:85:00.0/class", "0x068000\n");
  EXPECT_EQ(value_of(tree, collect_pci, fact::kNvswitches), "1");
}

}  // namespace
}  // namespace gpuward::evidence
