// Nodes on disk: what is rendered, what the state holds, that nothing stays.
#include "sim/engine/node.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/engine/frozen_disk.h"
#include "sim/engine/kernel_log.h"
#include "sim/engine/node_fixture.h"

namespace gpuward::simulator {
namespace {

TEST_F(NodeTest, HoldsWhatTheScenarioSays) {
  make("healthy-8xh20-mig");
  const auto state = StateFile::open(node_);
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_EQ(state->get().gpu_count, 8u);
  EXPECT_STREQ(state->get().driver_version, "570.172.08");
  EXPECT_STREQ(state->get().gpus[1].uuid,
               "GPU-bafcf1f7-1006-01e5-85e2-684fee364617");
  EXPECT_EQ(state->get().cuda_version, 12080);
  EXPECT_EQ(std::string(state->get().dev_dir), node_ + "/root/dev");
}

TEST_F(NodeTest, ShowsTheMachine) {
  make("h20-mig-init-hang");
  EXPECT_EQ(seen("/sys/module/nvidia/version"), "570.158.01\n");
  EXPECT_EQ(seen("/sys/bus/pci/devices/0000:0f:00.0/vendor"), "0x10de\n");
  EXPECT_EQ(seen("/sys/bus/pci/devices/0000:0f:00.0/class"), "0x030200\n");
  EXPECT_EQ(seen("/proc/31207/comm"), "nvidia-device-p\n");
  EXPECT_EQ(seen("/proc/31207/wchan"), "futex_wait_queue");
  EXPECT_NE(seen("/proc/devices").find("195 nvidia\n"), std::string::npos);
  EXPECT_NE(seen("/dev/kmsg").find("NVRM: loading NVIDIA UNIX Open Kernel"),
            std::string::npos);
  const std::string root = node_ + "/root";
  EXPECT_EQ(std::filesystem::read_symlink(
                root + "/sys/bus/pci/devices/0000:0f:00.0/driver")
                .filename(),
            "nvidia");
  EXPECT_TRUE(std::filesystem::exists(root + "/dev/nvidia7"));
  EXPECT_TRUE(std::filesystem::exists(
      root + "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.570.158.01"));
}

// As the driver writes it: without the folder "mig" of the capabilities.
TEST_F(NodeTest, ListsTheMinorsOfMigInstances) {
  make("healthy-8xh20-mig");
  const std::string list = seen("/proc/driver/nvidia-caps/mig-minors");
  EXPECT_TRUE(
      list.starts_with("config 1\nmonitor 2\ngpu0/gi1/access 12\n"
                       "gpu0/gi1/ci0/access 13\n"))
      << list;
}

TEST_F(NodeTest, HangsTwoGpusBelowEachSwitch) {
  make("healthy-8xh100");
  const std::string devices = node_ + "/root/sys/bus/pci/devices/";
  const auto above = [&devices](const std::string& address) {
    return std::filesystem::read_symlink(devices + address)
        .parent_path()
        .string();
  };
  const std::string port = "../../../devices/pci0000:0c/0000:0c:01.0";
  EXPECT_EQ(above("0000:0f:00.0"), port + "/0000:0d:00.0/0000:0e:00.0");
  EXPECT_EQ(above("0000:34:00.0"), port + "/0000:0d:00.0/0000:0e:01.0");
  EXPECT_TRUE(above("0000:48:00.0").starts_with("../../../devices/pci0000:45"));
  EXPECT_TRUE(above("0000:87:00.0").starts_with("../../../devices/pci0000:84"));
  EXPECT_EQ(above("0000:0d:00.0"), port);
  EXPECT_EQ(seen("/sys/bus/pci/devices/0000:0e:01.0/class"), "0x060400\n");
  EXPECT_EQ(seen("/sys/bus/pci/devices/0000:5a:00.0/numa_node"), "0\n");
  EXPECT_EQ(seen("/sys/bus/pci/devices/0000:87:00.0/numa_node"), "1\n");
  for (const char* const address : {"0000:0f:00.0", "0000:0e:01.0"}) {
    EXPECT_TRUE(std::filesystem::exists(devices + address + "/driver/" +
                                        address + "/vendor"))
        << address;
  }
}

TEST_F(NodeTest, HangsADesktopsGpuBelowItsProcessor) {
  make("gtx1080ti-persistence");
  EXPECT_EQ(std::filesystem::read_symlink(
                node_ + "/root/sys/bus/pci/devices/0000:01:00.0")
                .parent_path(),
            "../../../devices/pci0000:00/0000:00:01.0");
}

TEST_F(NodeTest, NumbersTheKernelLogOn) {
  make("healthy-8xh100");
  ASSERT_TRUE(inject(node_, injection({"xid=79", "gpu=3"})));
  std::istringstream log(seen("/dev/kmsg"));
  std::string line;
  uint64_t expected = 0;
  while (std::getline(log, line)) {
    EXPECT_EQ(line.substr(2, line.find(',', 2) - 2),
              std::to_string(expected++));
  }
  EXPECT_NE(line.size() + seen("/dev/kmsg").find("Xid (PCI:0000:5a:00): 79"),
            std::string::npos);
  const auto state = StateFile::open(node_);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->get().last_event, 1u);
  EXPECT_EQ(state->get().events[1].data, 79u);
  EXPECT_EQ(state->get().events[1].gpu, 3);
}

TEST_F(NodeTest, GivesAndLiftsFaults) {
  make("healthy-8xh100");
  const auto first = inject(node_, injection({"nvmlInit*", "hang=futex"}));
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, "1: nvmlInit* hang=futex");
  const auto state = StateFile::open(node_);
  const uint32_t before = state->get().generation;
  ASSERT_TRUE(clear_fault(node_, 1));
  EXPECT_GT(state->get().generation, before);
  EXPECT_EQ(*inject(node_, injection({"nvmlInit*", "die=true"})),
            "2: nvmlInit* die=true");
  EXPECT_FALSE(clear_fault(node_, 1));
}

TEST_F(NodeTest, SetsReadings) {
  make("healthy-8xh100");
  ASSERT_TRUE(inject(node_, injection({"set", "gpu=3", "temperature=95",
                                       "power=400W", "memory_used=3GiB"})));
  const auto state = StateFile::open(node_);
  const sim_gpu& gpu = state->get().gpus[3];
  EXPECT_EQ(gpu.temperature, 95);
  EXPECT_EQ(gpu.power_milliwatts, 400'000);
  EXPECT_EQ(gpu.memory_used, uint64_t{3} << 30);
  EXPECT_FALSE(inject(node_, injection({"lose-gpu=9"})));
}

TEST_F(NodeTest, LeavesNothingBehind) {
  make("healthy-8xh100");
  ASSERT_TRUE(end_node(node_));
  EXPECT_FALSE(std::filesystem::exists(node_));
  ASSERT_TRUE(end_node(node_));
}

TEST_F(NodeTest, IsWholeOrNotThere) {
  auto scenario = load_scenario("healthy-8xh100");
  ASSERT_TRUE(scenario);
  // A path below a file cannot be made.
  scenario->files.emplace_back("/etc/hostname/x", "");
  const auto node = create_node(
      *scenario, {.directory = base_ + "/half", .library = library_});
  EXPECT_FALSE(node);
  EXPECT_FALSE(std::filesystem::exists(base_ + "/half"));
}

TEST_F(NodeTest, RefusesAFolderThatHoldsSomething) {
  std::filesystem::create_directories(base_ + "/full/x");
  const auto node =
      create_node(*load_scenario("healthy-8xh100"),
                  {.directory = base_ + "/full", .library = library_});
  ASSERT_FALSE(node);
  EXPECT_TRUE(std::filesystem::exists(base_ + "/full/x"));
}

TEST(KernelLog, RepeatsLines) {
  LogLine line;
  line.at = 10s;
  line.every = 4s;
  line.until = 20s;
  line.text = "x";
  EXPECT_EQ(lines_between({line}, -1ms, 60s).size(), 3u);
  EXPECT_EQ(lines_between({line}, 10s, 60s).size(), 2u);
  EXPECT_EQ(next_line({line}, 14s), Millis(18s));
  EXPECT_EQ(next_line({line}, 18s), std::nullopt);
}

}  // namespace
}  // namespace gpuward::simulator
