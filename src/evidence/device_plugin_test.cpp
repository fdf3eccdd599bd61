#include "evidence/device_plugin.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>

#include "evidence/mps_control.h"
#include "evidence/pod_logs.h"
#include "evidence/registered_devices.h"
#include "model/facts.h"
#include "model/fields.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

class Machine : public ::testing::Test {
 protected:
  host::Host host() const {
    return {*host::Root::open(tree_.path()),
            *host::Root::open("/"),
            "",
            "",
            false,
            ""};
  }
  void task(int pid, std::string_view comm, char state,
            std::string_view stack = "") {
    const std::string stat =
        fmt::format("{} ({}) {} 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 100 0 0",
                    pid, comm, state);
    const std::string base = fmt::format("/proc/{}", pid);
    tree_.file("/proc/uptime", "1000.00 1\n");
    tree_.file(base + "/stat", stat);
    tree_.file(base + "/cgroup",
               "3:net_cls:/\n0::/kubepods.slice/cri-containerd-a.scope\n");
    for (const int tid : {pid, pid + 1}) {
      const std::string thread = fmt::format("{}/task/{}", base, tid);
      tree_.file(thread + "/stat", stat);
      tree_.file(thread + "/status", "voluntary_ctxt_switches:\t1\n");
      tree_.file(thread + "/stack", stack);
    }
  }
  static std::map<std::string, std::string> facts_of(const Collected& from) {
    std::map<std::string, std::string> out;
    for (const Evidence& each : from.evidence) {
      if (!each.key.empty()) out[each.key] = to_text(each.value);
    }
    return out;
  }
  std::string state() const {
    return facts_of(
        collect_device_plugin(host()))[std::string(fact::kDevicePluginTask)];
  }
  std::map<std::string, std::string> mps() const {
    return facts_of(collect_mps_control(host()));
  }
  TempTree tree_;
};

TEST_F(Machine, ASleepingPluginIsNotCalledStuck) {
  task(31207, "nvidia-device-p", 'S', "[<0>] futex_wait+0x1/0x2\n");
  EXPECT_EQ(state(), "running");
  const auto found = find_device_plugins(host().evidence);
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().cgroup, "/kubepods.slice/cri-containerd-a.scope");
  EXPECT_EQ(found->front().age, 999s);
}

TEST_F(Machine, APluginInTheDriverOrStopped) {
  task(31207, "nvidia-device-p", 'D',
       "[<0>] os_acquire_rwlock+0x1/0x2 [nvidia]\n");
  EXPECT_EQ(state(), "stuck");
  task(31207, "nvidia-device-p", 'D', "[<0>] nfs_wait+0x1/0x2 [nfs]\n");
  EXPECT_EQ(state(), "running");
  task(31207, "nvidia-device-p", 'T');
  EXPECT_EQ(state(), "stopped");
}

TEST_F(Machine, NoPluginIsToldOnlyWhereThereIsAKubelet) {
  task(7, "bash", 'S');
  EXPECT_EQ(state(), "");
  tree_.directory("/var/lib/kubelet");
  EXPECT_EQ(state(), "absent");
}

TEST_F(Machine, MpsIsOfNoInterestWhereNothingWantsIt) {
  tree_.directory("/usr/bin");
  EXPECT_TRUE(mps().empty());
}

TEST_F(Machine, MpsIsWantedByAPodAndItsPackageIsGone) {
  tree_.directory("/usr/bin")
      .directory(
          "/var/log/pods/gpu-operator_nvidia-device-plugin-mps-control-"
          "daemon-rpm7r_1")
      .file("/etc/os-release", "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n")
      .file("/sys/module/nvidia/version", "570.172.08\n");
  auto found = mps();
  EXPECT_EQ(found[std::string(fact::kMpsControl)], "absent");
  EXPECT_EQ(found[std::string(fact::kMpsPackage)], "nvidia-compute-utils-570");
  tree_.file("/usr/bin/nvidia-cuda-mps-control", "");
  EXPECT_EQ(mps()[std::string(fact::kMpsControl)], "present");
}

TEST_F(Machine, MpsIsWantedByAUnitThatIsOn) {
  const std::string text =
      "[Service]\nExecStart=/usr/bin/nvidia-cuda-mps-control -f\n";
  tree_.directory("/usr/bin")
      .file("/etc/systemd/system/nvidia-mps.service", text);
  EXPECT_TRUE(mps().empty());
  tree_.link("/etc/systemd/system/multi-user.target.wants/nvidia-mps.service",
             "/etc/systemd/system/nvidia-mps.service");
  EXPECT_EQ(mps()[std::string(fact::kMpsWanted)], "unit nvidia-mps.service");
}

TEST(MpsPackage, IsNamedByTheDistribution) {
  EXPECT_EQ(mps_package("ID=ubuntu\n", "570", true),
            "nvidia-compute-utils-570-server");
  EXPECT_EQ(mps_package("ID=ubuntu\n", "", false), "");
  EXPECT_EQ(mps_package("ID=debian\n", "535", false), "nvidia-cuda-mps");
  EXPECT_EQ(mps_package("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "570",
                        false),
            "nvidia-driver-cuda");
  EXPECT_EQ(mps_package("ID=alpine\n", "570", false), "");
}

TEST(PodLogs, AreThoseOfNvidiasPods) {
  EXPECT_TRUE(is_pod_of_interest("gpu-operator_nvidia-mig-manager-n6wnt_1"));
  EXPECT_TRUE(
      is_pod_of_interest("kube-system_nvidia-device-plugin-daemonset-x_1"));
  EXPECT_FALSE(is_pod_of_interest("mig-manager_web-1_1"));
  EXPECT_FALSE(is_pod_of_interest("nvidia-device-plugin"));
  EXPECT_EQ(without_cri_head("2025-08-05T08:40:16.431856Z stderr F E0805 x"),
            "E0805 x");
  EXPECT_EQ(without_cri_head("plain stdout"), "plain stdout");
}

TEST_F(Machine, OnlyTheNewestLogOfAContainerIsRead) {
  const std::string folder =
      "/var/log/pods/gpu-operator_nvidia-mig-manager-n6wnt_1/mig-manager/";
  tree_.file(folder + "9.log", "2025-08-05T08:40:16Z stderr F old\n")
      .file(folder + "10.log", "2025-08-05T08:41:16Z stderr F new\n")
      .file(folder + "11.log.gz", "x")
      .file("/var/log/pods/ml_web_2/web/0.log", "other\n");
  const Collected found = collect_pod_logs(host());
  ASSERT_EQ(found.evidence.size(), 1u);
  EXPECT_EQ(found.evidence[0].text, "new");
  EXPECT_EQ(found.evidence[0].source, "pod-log");
}

// What the kubelet has registered.

constexpr std::string_view kCheckpoint =
    R"({"Data":{"PodDeviceEntries":null,"RegisteredDevices":{
      "nvidia.com/gpu":["GPU-1::0","GPU-1::1"],"rdma/hca":["x"],
      "nvidia.com/mig-1g.12gb":["MIG-1","MIG-9"]}},"Checksum":1})";

Gpu gpu(int index, const std::string& uuid, bool split,
        std::vector<std::string> devices = {}) {
  Gpu out;
  out.index = index;
  out.readings[std::string(field::kUuid)] = reading_of(uuid, {});
  out.readings[std::string(field::kMigMode)] = reading_of(split, {});
  out.mig.status = reading_of(static_cast<int64_t>(devices.size()), {});
  for (const std::string& id : devices) {
    out.mig.items.emplace_back().uuid = id;
  }
  return out;
}

Snapshot snapshot() {
  Snapshot out;
  out.init = reading_of(std::string("SUCCESS"), {});
  out.gpu_count = reading_of(int64_t{3}, {});
  out.gpus = {gpu(0, "GPU-0", true, {"MIG-1"}), gpu(1, "GPU-1", false),
              gpu(2, "GPU-2", false)};
  return out;
}

class Registered : public Machine {
 protected:
  Registered() {
    tree_.file("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
               kCheckpoint);
  }
  std::map<std::string, std::string> compared(const Snapshot& with) const {
    Collected out;
    out.evidence =
        compare_registered(collect_registered_devices(host()).evidence, with);
    return facts_of(out);
  }
};

TEST_F(Registered, WhatIsGoneAndWhatIsLacking) {
  auto found = compared(snapshot());
  EXPECT_EQ(found[std::string(fact::kRegisteredGone)], "MIG-9");
  EXPECT_EQ(found[std::string(fact::kRegisteredLacking)], "GPU-2");
}

TEST_F(Registered, NothingIsSaidWhileNvmlDoesNotAnswerWhole) {
  Snapshot partial = snapshot();
  partial.gpus.pop_back();
  EXPECT_TRUE(compared(partial).empty());
  partial = snapshot();
  partial.gpus[0].mig.status = {};
  EXPECT_TRUE(compared(partial).empty());
  partial = snapshot();
  partial.init = {};
  EXPECT_TRUE(compared(partial).empty());
}

TEST_F(Registered, AFileThatIsNoCheckpointIsAGap) {
  tree_.file("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
             "{");
  const Collected found = collect_registered_devices(host());
  EXPECT_TRUE(found.evidence.empty());
  EXPECT_EQ(found.gaps.size(), 1u);
}

}  // namespace
}  // namespace gpuward::evidence
