#include "containers/programs.h"

#include <gtest/gtest.h>

#include "support/cgroup_tree.h"
#include "support/device_program.h"

namespace gpuward::containers {
namespace {

constexpr int kAll =
    BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

Grant grant_of(unsigned minor_number, const std::string& access = "rw") {
  return {"/dev/nvidia" + std::to_string(minor_number),
          195,
          minor_number,
          access,
          "OCI specification",
          ""};
}

Container container_in(const CgroupTree& cgroups, const std::string& inside) {
  Container container;
  container.cgroup = cgroups.cgroup(inside);
  container.cgroup_folder = cgroups.folder(inside);
  container.unit = "test.scope";
  container.oci_runtime = "runc";
  container.injection = Injection::devices;
  container.grants = {grant_of(0), grant_of(1, "r"), grant_of(255)};
  return container;
}

using Denied = std::optional<std::vector<std::string>>;

TEST(DevicePrograms, AreReadFromTheKernelAndFollowed) {
  CgroupTree cgroups(CgroupTree::Version::v2);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  cgroups.make("/test.scope");
  const std::string scope = cgroups.folder("/test.scope");
  ASSERT_TRUE(attach_device_program(
      runc_program({{1, 3, kAll},
                    {195, 0, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE},
                    {195, 1, BPF_DEVCG_ACC_READ},
                    {195, 255, kAll}}),
      "", scope));
  ASSERT_TRUE(attach_device_program(
      systemd_program({{1, 3, kAll}, {136, -1, kAll}, {195, 1, kAll}}),
      "sd_devices", scope));
  const auto programs = read_device_programs(
      cgroups.host(), container_in(cgroups, "/test.scope"));
  ASSERT_TRUE(programs.has_value()) << programs.error().text;
  ASSERT_EQ(programs->size(), 2U);
  const DeviceProgram& runc = (*programs)[0];
  EXPECT_EQ(runc.owner, "runc");
  EXPECT_EQ(runc.name, "");
  EXPECT_EQ(runc.denies, Denied(std::vector<std::string>{}));
  const DeviceProgram& systemd = (*programs)[1];
  EXPECT_EQ(systemd.owner, "systemd");
  EXPECT_EQ(systemd.name, "sd_devices");
  EXPECT_EQ(systemd.cgroup, cgroups.cgroup("/test.scope"));
  EXPECT_NE(systemd.id, 0U);
  EXPECT_EQ(systemd.denies, Denied({"195:0", "195:255"}));
}

TEST(DevicePrograms, OfCgroupsAboveCountToo) {
  CgroupTree cgroups(CgroupTree::Version::v2);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  cgroups.make("/test.scope");
  cgroups.make("/test.scope/container");
  ASSERT_TRUE(attach_device_program(systemd_program({{1, 3, kAll}}),
                                    "sd_devices", cgroups.folder("")));
  ASSERT_TRUE(attach_device_program(runc_program({{1, 3, kAll}}), "",
                                    cgroups.folder("/test.scope")));
  ASSERT_TRUE(attach_device_program(runc_program({{195, -1, kAll}}), "odd",
                                    cgroups.folder("/test.scope/container")));
  Container container = container_in(cgroups, "/test.scope/container");
  container.oci_runtime = "crun";
  const auto programs = read_device_programs(cgroups.host(), container);
  ASSERT_TRUE(programs.has_value()) << programs.error().text;
  ASSERT_EQ(programs->size(), 3U);
  EXPECT_EQ((*programs)[0].owner, "unknown");
  EXPECT_TRUE((*programs)[0].denies->empty());
  EXPECT_EQ((*programs)[1].owner, "crun");
  EXPECT_EQ((*programs)[1].denies->size(), 3U);
  EXPECT_EQ((*programs)[2].owner, "systemd");
  EXPECT_EQ((*programs)[2].cgroup, cgroups.cgroup(""));
}

TEST(DevicePrograms, TheHooksOwnProgramIsNvidiasAsLongAsItAllows) {
  CgroupTree cgroups(CgroupTree::Version::v2);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  cgroups.make("/test.scope");
  const std::string scope = cgroups.folder("/test.scope");
  ASSERT_TRUE(
      attach_device_program(runc_program({{195, -1, kAll}}), "", scope));
  ASSERT_TRUE(attach_device_program(runc_program({{1, 3, kAll}}), "", scope));
  Container container = container_in(cgroups, "/test.scope");
  container.injection = Injection::legacy;
  const auto programs = read_device_programs(cgroups.host(), container);
  ASSERT_TRUE(programs.has_value()) << programs.error().text;
  EXPECT_EQ((*programs)[0].owner, "nvidia");
  EXPECT_EQ((*programs)[1].owner, "runc");
}

TEST(DevicePrograms, GoneCgroupsAndCopiedTreesAreErrors) {
  CgroupTree cgroups(CgroupTree::Version::v2);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  EXPECT_EQ(read_device_programs(cgroups.host(), container_in(cgroups, "/no"))
                .error()
                .kind,
            Error::Kind::gone);
  cgroups.tree().directory("/sys/fs/cgroup/copied/x");
  Container container = container_in(cgroups, "");
  container.cgroup = "/copied/x";
  container.cgroup_folder = "/sys/fs/cgroup/copied/x";
  EXPECT_EQ(read_device_programs(cgroups.host(), container).error().kind,
            Error::Kind::unsupported);
  container.cgroup_v2 = false;
  EXPECT_EQ(read_device_programs(cgroups.host(), container).error().kind,
            Error::Kind::unsupported);
}

TEST(DevicesList, IsReadFromTheKernel) {
  CgroupTree cgroups(CgroupTree::Version::v1);
  if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
  Container container = container_in(cgroups, "");
  container.cgroup_v2 = false;
  auto list = read_devices_list(cgroups.host(), container);
  ASSERT_TRUE(list.has_value()) << list.error().text;
  EXPECT_EQ(lacking_in(*list, container.grants), std::nullopt);
  ASSERT_TRUE(cgroups.write("/devices.deny", "a"));
  ASSERT_TRUE(cgroups.write("/devices.allow", "c 195:* m"));
  ASSERT_TRUE(cgroups.write("/devices.allow", "c 195:1 r"));
  list = read_devices_list(cgroups.host(), container);
  ASSERT_TRUE(list.has_value()) << list.error().text;
  EXPECT_EQ(lacking_in(*list, container.grants), Denied({"195:0", "195:255"}));
  container.cgroup_v2 = true;
  EXPECT_EQ(read_devices_list(cgroups.host(), container).error().kind,
            Error::Kind::unsupported);
}

TEST(DevicesList, OneEntryMustGiveAllOfTheAccess) {
  const std::vector<Grant> grants = {grant_of(0, "rwm")};
  EXPECT_EQ(lacking_in({"c 195:0 r", "c 195:0 w"}, grants), Denied({"195:0"}));
  EXPECT_EQ(lacking_in({"b 195:0 rwm", "c 19:0 rwm", "x", "c 195 rw"}, grants),
            Denied({"195:0"}));
  EXPECT_EQ(lacking_in({"c *:* rw"}, grants),
            Denied(std::vector<std::string>{}));
  EXPECT_EQ(lacking_in({"a *:* rwm"}, grants), std::nullopt);
}

}  // namespace
}  // namespace gpuward::containers
