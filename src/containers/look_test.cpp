#include "containers/look.h"

#include <gtest/gtest.h>

#include "containers/access.h"
#include "host/task.h"
#include "support/cgroup_tree.h"
#include "support/device_program.h"

namespace gpuward::containers {
namespace {

using Now = NodeAccess::Now;
using Version = CgroupTree::Version;

constexpr int kAll =
    BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

// A container as runc 1.1.5 and systemd 252 leave it after a daemon-reload.
Container revoked(CgroupTree& cgroups, Version version) {
  Container container;
  cgroups.make("/docker-ab.scope");
  const std::string drop_ins = "/run/systemd/transient/docker-ab.scope.d/";
  cgroups.tree()
      .directory("/usr/lib/systemd")
      .file("/usr/lib/systemd/libsystemd-shared-252.so", "")
      .file(drop_ins + "50-DevicePolicy.conf", "[Scope]\nDevicePolicy=strict\n")
      .file(drop_ins + "50-DeviceAllow.conf",
            "[Scope]\nDeviceAllow=\nDeviceAllow=/dev/char/1:3 rwm\n");
  EXPECT_TRUE(cgroups.make_node("/dev/nvidia0", 195, 0));
  container.pid = cgroups.start_process("/docker-ab.scope");
  const auto stat = host::task_stat(cgroups.host().evidence, container.pid);
  container.start_time = stat ? stat->start_time : 0;
  container.label = container.name = "tv";
  container.unit = "docker-ab.scope";
  container.oci_runtime = "runc";
  container.injection = Injection::devices;
  container.cgroup_v2 = version == Version::v2;
  container.cgroup = cgroups.cgroup("/docker-ab.scope");
  container.cgroup_folder = cgroups.folder("/docker-ab.scope");
  container.grants = {{"/dev/nvidia0", 195, 0, "rwm", "OCI specification", ""}};
  return container;
}

TEST(ContainerLook, SaysWhoDeniesAndWhatIsToCome) {
  CgroupTree cgroups(Version::v2);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  Container container = revoked(cgroups, Version::v2);
  const std::string scope = cgroups.folder("/docker-ab.scope");
  ASSERT_TRUE(attach_device_program(runc_program({{195, 0, kAll}}), "", scope));
  ASSERT_TRUE(look_again(cgroups.host(), container).has_value());
  EXPECT_EQ(access_now(container), Now::allowed);
  EXPECT_EQ(container.tomorrow, Tomorrow::lost_at_reload);
  EXPECT_EQ(container.tomorrow_why,
            "DevicePolicy=strict of docker-ab.scope lacks /dev/nvidia0 "
            "(195:0): the next daemon-reload, daemon-reexec or update takes "
            "the access away (systemd 252)");
  EXPECT_EQ(who_denies(container), "");

  ASSERT_TRUE(attach_device_program(systemd_program({{1, 3, kAll}}),
                                    "sd_devices", scope));
  ASSERT_TRUE(look_again(cgroups.host(), container).has_value());
  EXPECT_EQ(access_now(container), Now::denied);
  const std::string who = who_denies(container);
  EXPECT_TRUE(who.starts_with("systemd's program ")) << who;
  EXPECT_NE(who.find(" (sd_devices) denies 195:0; runc's program "),
            std::string::npos)
      << who;
  EXPECT_TRUE(who.ends_with(" allows it")) << who;
}

TEST(ContainerLook, OnV1TheListIsTheWitness) {
  CgroupTree cgroups(Version::v1);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  Container container = revoked(cgroups, Version::v1);
  ASSERT_TRUE(look_again(cgroups.host(), container).has_value());
  EXPECT_EQ(access_now(container), Now::allowed);
  EXPECT_TRUE(container.programs.empty());
  ASSERT_TRUE(cgroups.write("/docker-ab.scope/devices.deny", "a"));
  ASSERT_TRUE(cgroups.write("/docker-ab.scope/devices.allow", "c 195:* m"));
  ASSERT_TRUE(look_again(cgroups.host(), container).has_value());
  EXPECT_EQ(access_now(container), Now::denied);
  EXPECT_EQ(who_denies(container),
            "devices.list, as systemd wrote it, lacks 195:0");
  // What no record says was given to the runtime, systemd need not have taken.
  container.injection = Injection::legacy;
  ASSERT_TRUE(look_again(cgroups.host(), container).has_value());
  EXPECT_EQ(who_denies(container), "devices.list lacks 195:0");
}

TEST(ContainerLook, AnEndedContainerIsGone) {
  CgroupTree cgroups(Version::v2);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  Container container = revoked(cgroups, Version::v2);
  cgroups.end_process(container.pid);
  EXPECT_EQ(look_again(cgroups.host(), container).error().kind,
            Error::Kind::gone);
}

TEST(ContainerLook, FindsNothingOnAnEmptyMachine) {
  TempTree tree;
  const host::Host host{*host::Root::open(tree.path()),
                        *host::Root::open("/"),
                        "",
                        "",
                        false,
                        ""};
  EXPECT_TRUE(look_at_containers(host).containers.empty());
}

}  // namespace
}  // namespace gpuward::containers
