// What was granted, by which record, and what only looks like a grant.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "containers/find.h"
#include "containers/find_machine.h"
#include "model/fields.h"
#include "model/json.h"

namespace gpuward::containers {
namespace {

TEST(FindContainers, WhoWasGivenNothingIsNotListed) {
  Machine machine;
  Spec plain;
  plain.environment = R"("NVIDIA_VISIBLE_DEVICES=void")";
  plain.rules = rule(1, 3, "rwm") + ", " + rule(195, -1, "m");
  machine.docker('a', 20, plain);
  // Nodes that it made itself, and other cards.
  machine.file("/proc/20/root/dev/nvidia0", "");
  Spec other;
  other.devices =
      R"({"path": "/dev/dri/card0", "type": "c", "major": 226, "minor": 0})";
  other.rules = rule(226, 0, "rwm");
  machine.docker('b', 21, other);
  const auto found = machine.find();
  EXPECT_TRUE(found.containers.empty());
  EXPECT_TRUE(found.gaps.empty());
}

TEST(FindContainers, AccessIsThatOfTheRules) {
  Machine machine;
  machine.docker('a', 20, with_gpu("r"));
  EXPECT_EQ(in_short(only(machine.find())),
            "nvidia0 195:0 r;nvidiactl 195:255 r;");
}

TEST(FindContainers, ANodeWithoutARuleIsNoGrant) {
  Machine machine;
  Spec spec = with_gpu();
  spec.rules = rule(195, 255, "rw");
  machine.docker('a', 20, spec);
  const Container box = only(machine.find());
  EXPECT_EQ(in_short(box), "nvidiactl 195:255 rw;");
  ASSERT_EQ(box.unresolved.size(), 1U);
  EXPECT_NE(box.unresolved[0].find("/dev/nvidia0"), std::string::npos);
}

TEST(FindContainers, ARuleWithoutANodeGrantsByNumber) {
  Machine machine;
  Spec spec;
  spec.rules = rule(195, -1, "rw");
  machine.docker('a', 20, spec);
  const Container box = only(machine.find());
  EXPECT_EQ(in_short(box),
            "nvidia0 195:0 rw;nvidia1 195:1 rw;nvidiactl 195:255 rw;");
  EXPECT_FALSE(box.privileged);
}

TEST(FindContainers, ForeignNumbersUnderNvidiasNameAreNoGrant) {
  Machine machine;
  Spec spec;
  spec.devices =
      R"({"path": "/dev/nvidia-uvm", "type": "c", "major": 1, "minor": 1})";
  spec.rules = rule(1, 1, "rw");
  machine.docker('a', 20, spec);
  const Container box = only(machine.find());
  EXPECT_TRUE(box.grants.empty());
  EXPECT_EQ(box.unresolved.size(), 1U);
}

TEST(FindContainers, PrivilegedOnes) {
  Machine machine;
  Spec spec;
  spec.rules = R"({"allow": true, "access": "rwm"})";
  machine.docker('a', 20, spec);
  const Container box = only(machine.find());
  EXPECT_TRUE(box.privileged);
  EXPECT_EQ(box.grants.size(), 4U);
  EXPECT_EQ(box.injection, Injection::devices);
}

TEST(FindContainers, LegacyInjection) {
  Machine machine;
  machine.docker('a', 20, with_hook("1"));
  const Container box = only(machine.find());
  EXPECT_EQ(box.injection, Injection::legacy);
  EXPECT_EQ(in_short(box),
            "nvidia-uvm 510:0 rw;nvidia1 195:1 rw;nvidiactl 195:255 rw;");
}

TEST(FindContainers, LegacyInjectionByTheToolkitsRules) {
  const std::string config = "/etc/nvidia-container-runtime/config.toml";
  Machine refused;
  refused.docker('a', 20, with_hook("all"));
  refused.file(config,
               "accept-nvidia-visible-devices-envvar-when-unprivileged=false");
  const Container asked = only(refused.find());
  EXPECT_TRUE(asked.grants.empty());
  EXPECT_TRUE(asked.asked_only);

  Machine without;
  without.docker('a', 20, with_hook("all"));
  without.file(config, "[nvidia-container-cli]\nno-cgroups = true\n");
  const Container open = only(without.find());
  EXPECT_TRUE(open.grants.empty());
  EXPECT_EQ(open.unresolved.size(), 1U);

  Machine broken;
  broken.docker('a', 20, with_hook("all"));
  broken.file(config, "x = [");
  const Container unknown = only(broken.find());
  EXPECT_TRUE(unknown.grants.empty());
  EXPECT_EQ(unknown.unresolved.size(), 1U);
}

TEST(FindContainers, TheSpecificationWinsOverTheHook) {
  Machine machine;
  Spec spec = with_gpu("r");
  spec.environment = with_hook("0").environment;
  spec.hooks = with_hook("0").hooks;
  machine.docker('a', 20, spec);
  EXPECT_EQ(in_short(only(machine.find())),
            "nvidia-uvm 510:0 rw;nvidia0 195:0 r;nvidiactl 195:255 r;");
}

TEST(FindContainers, AUuidNeedsTheSnapshot) {
  Machine machine;
  machine.docker('a', 20, with_hook("GPU-1234"));
  Container box = only(machine.find());
  EXPECT_EQ(in_short(box), "nvidia-uvm 510:0 rw;nvidiactl 195:255 rw;");
  ASSERT_EQ(box.unresolved.size(), 1U);
  EXPECT_NE(box.unresolved[0].find("GPU-1234"), std::string::npos);

  Snapshot snapshot;
  snapshot.boot_id = "this-boot";
  snapshot.taken_at = Wall(Millis(1));
  Gpu gpu;
  gpu.index = 0;
  gpu.readings.emplace(field::kUuid,
                       reading_of(std::string("GPU-1234"), Wall(Millis(1))));
  gpu.readings.emplace(field::kMinor, reading_of(int64_t{1}, Wall(Millis(1))));
  snapshot.gpus.push_back(gpu);
  machine.file("/run/gpuward/snapshot.json", to_json(snapshot).dump());
  machine.file("/proc/sys/kernel/random/boot_id", "another-boot\n");
  EXPECT_EQ(only(machine.find()).unresolved.size(), 1U);
  machine.file("/proc/sys/kernel/random/boot_id", "this-boot\n");
  box = only(machine.find());
  EXPECT_TRUE(box.unresolved.empty());
  EXPECT_EQ(in_short(box),
            "nvidia-uvm 510:0 rw;nvidia1 195:1 rw;nvidiactl 195:255 rw;");
}

TEST(FindContainers, AskingAloneIsMarked) {
  Machine machine;
  Spec spec;
  spec.environment = R"("NVIDIA_VISIBLE_DEVICES=all")";
  machine.docker('a', 20, spec);
  const Container box = only(machine.find());
  EXPECT_TRUE(box.asked_only);
  EXPECT_TRUE(box.grants.empty());
}

TEST(FindContainers, AnAnnotationGrantsNothing) {
  Machine machine;
  Spec spec;
  spec.annotations = R"("cdi.k8s.io/mine": "nvidia.com/gpu=all")";
  machine.docker('a', 20, spec);
  machine.file("/etc/cdi/nvidia.yaml",
               "kind: nvidia.com/gpu\ndevices:\n- name: all\n  containerEdits:"
               "\n    deviceNodes:\n    - path: /dev/nvidia0\n");
  const Container box = only(machine.find());
  EXPECT_TRUE(box.grants.empty());
  EXPECT_EQ(box.unresolved.size(), 1U);
}

TEST(FindContainers, DockersFilesStandInForABrokenSpecification) {
  Machine machine;
  machine.docker('a', 20, with_gpu());
  machine.file("/run/containerd/io.containerd.runtime.v2.task/moby/" +
                   id_of('a') + "/config.json",
               "{garbage");
  machine.docker_files(
      'a', "tv",
      R"({"Devices": [{"PathOnHost": "/dev/nvidia0", "PathInContainer":
          "/dev/nvidia0", "CgroupPermissions": "r"}], "DeviceRequests":
          [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=1"]}]})");
  machine.file("/etc/cdi/nvidia.json",
               R"({"kind": "nvidia.com/gpu", "containerEdits": {"deviceNodes":
                   [{"path": "/dev/nvidiactl"}]}, "devices": [{"name": "1",
                   "containerEdits": {"deviceNodes":
                   [{"path": "/dev/nvidia1", "permissions": "rw"}]}}]})");
  const auto found = machine.find();
  ASSERT_EQ(found.gaps.size(), 1U);
  EXPECT_NE(found.gaps[0].why.find("config.json"), std::string::npos);
  ASSERT_EQ(found.containers.size(), 1U);
  EXPECT_EQ(found.containers[0].label, "tv");
  EXPECT_EQ(in_short(found.containers[0]),
            "nvidia0 195:0 r;nvidia1 195:1 rw;nvidiactl 195:255 rw;");
}

// It names the pod's container, and any of the pod's may be this one: the pause
// container, say, which was given nothing.
TEST(FindContainers, TheKubeletsCheckpointAloneGrantsNothing) {
  Machine machine;
  const std::string uid = "0a1b2c3d-0001-0002-0003-0a1b2c3d4e5f";
  machine.task(30, 300, "/kubepods/pod" + uid + "/" + id_of('b'));
  machine.file("/run/containerd/io.containerd.runtime.v2.task/k8s.io/" +
                   id_of('b') + "/config.json",
               "");
  // Devices {"/dev/nvidia0", "/dev/nvidia0", "rw"}.
  machine.file("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
               fmt::format(R"({{"Data": {{"PodDeviceEntries": [{{"PodUID": "{}",
        "ContainerName": "main", "ResourceName": "nvidia.com/gpu",
        "AllocResp":
        "GiAKDC9kZXYvbnZpZGlhMBIML2Rldi9udmlkaWEwGgJydw=="}}]}}}})",
                           uid));
  const auto found = machine.find();
  EXPECT_EQ(found.gaps.size(), 1U);
  ASSERT_EQ(found.containers.size(), 1U);
  EXPECT_EQ(in_short(found.containers[0]), "");
  ASSERT_EQ(found.containers[0].unresolved.size(), 1U);
  EXPECT_NE(found.containers[0].unresolved[0].find("container main"),
            std::string::npos)
      << found.containers[0].unresolved[0];
}

// On v1 nothing but systemd's list would stand between a wrong guess and a GPU.
TEST(FindContainers, OnV1AGpusNumberIsNotTakenForItsMinor) {
  for (const auto kind : {Machine::Kind::v2, Machine::Kind::v1}) {
    Machine machine(kind);
    machine.docker('a', 20, with_hook("1"));
    const Container box = only(machine.find());
    const bool guessed =
        in_short(box).find("nvidia1 195:1 rw;") != std::string::npos;
    EXPECT_EQ(guessed, kind == Machine::Kind::v2) << in_short(box);
    EXPECT_EQ(box.unresolved.empty(), kind == Machine::Kind::v2);
  }
}

// The bundle of plain runc lies where somebody put it, and may be changed while
// the container runs.
TEST(FindContainers, ABundleThatOthersMayWriteIsNotBelieved) {
  const auto found_with = [](const char* folder, mode_t mode,
                             const std::string& root_folder) {
    Machine machine;
    machine.task(40, 400, "/system.slice/runc-web.scope");
    machine.file("/srv/bundle/config.json", with_gpu().text());
    machine.file("/run/runc/web/state.json",
                 fmt::format(R"({{"init_process_pid": 40,
                     "init_process_start": 400, "config": {{"rootfs": "{}",
                     "labels": ["bundle=/srv/bundle"]}}}})",
                             root_folder));
    EXPECT_EQ(::chmod((machine.path() + folder).c_str(), mode), 0);
    return machine.find();
  };
  EXPECT_EQ(only(found_with("/srv", 0755, "/srv/bundle/rootfs")).unit,
            "runc-web.scope");
  for (const auto& found :
       {found_with("/srv/bundle/config.json", 0666, "/srv/bundle/rootfs"),
        found_with("/srv/bundle", 0775, "/srv/bundle/rootfs"),
        found_with("/srv", 0777, "/srv/bundle/rootfs"),
        found_with("/srv", 0755, "/srv/bundle"),
        found_with("/srv", 0755, "/srv/../srv/bundle/.")}) {
    EXPECT_TRUE(found.containers.empty());
    ASSERT_EQ(found.gaps.size(), 1U);
    EXPECT_NE(found.gaps[0].why.find("not believed"), std::string::npos);
  }
}

TEST(FindContainers, WithoutAnyRecordIsSaid) {
  Machine machine;
  machine.task(30, 300, "/docker/" + id_of('b'));
  const auto found = machine.find();
  EXPECT_TRUE(found.containers.empty());
  ASSERT_EQ(found.gaps.size(), 1U);
  EXPECT_NE(found.gaps[0].why.find(std::string(12, 'b')), std::string::npos);
}

}  // namespace
}  // namespace gpuward::containers
