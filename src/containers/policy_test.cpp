#include "containers/policy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "containers/unit_file.h"
#include "support/temp_tree.h"

namespace gpuward::containers {
namespace {

constexpr const char* kUnit = "docker-ab12.scope";
const std::string kTransient = "/run/systemd/transient/docker-ab12.scope.d/";
constexpr std::string_view kDevices =
    "Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n"
    "511 nvidia-uvm\n\nBlock devices:\n  8 sd\n195 nvidia-block\n";

host::Host host_of(const TempTree& tree) {
  return host::Host{*host::Root::open(tree.path()),
                    *host::Root::open("/"),
                    "",
                    "",
                    false,
                    ""};
}

ScopePolicy policy_of(const TempTree& tree) {
  const auto policy = read_scope_policy(host_of(tree), kUnit);
  EXPECT_TRUE(policy.has_value()) << policy.error().text;
  return policy.value_or(ScopePolicy{});
}

Grant node(unsigned major_number, unsigned minor_number,
           const std::string& access = "rw") {
  return {"/dev/x", major_number, minor_number, access, "", ""};
}

bool allowed(const TempTree& tree, const std::string& policy,
             std::vector<std::string> entries, const Grant& grant,
             int systemd = 252) {
  const ScopePolicy scope{kUnit, policy, std::move(entries), {}};
  return allows(scope, grant, *host::Root::open(tree.path()), kDevices,
                systemd);
}

TEST(UnitFile, IsReadAsSystemdReadsIt) {
  const auto settings = parse_unit_file(
      "# a comment\n[Scope]\nDeviceAllow = /dev/a \\\n; between\n  rw\n"
      "DeviceAllow=\n\nnonsense\n[Unit]\r\nDescription=x\\\\\nlast=1 \\");
  const std::vector<UnitSetting> expected = {
      {"Scope", "DeviceAllow", "/dev/a    rw"},
      {"Scope", "DeviceAllow", ""},
      {"Unit", "Description", "x\\\\"},
      {"Unit", "last", "1"}};
  EXPECT_EQ(settings, expected);
}

TEST(ScopePolicy, IsWhatRuncLeaves) {
  TempTree tree;
  tree.file("/run/systemd/transient/docker-ab12.scope",
            "# This is a transient unit file\n[Scope]\nSlice=system.slice\n");
  tree.file(kTransient + "50-DevicePolicy.conf",
            "# This is a drop-in\n[Scope]\nDevicePolicy=strict\n");
  tree.file(kTransient + "50-DeviceAllow.conf",
            "[Scope]\nDeviceAllow=\nDeviceAllow=/dev/char/1:3 rwm\n"
            "DeviceAllow=char-pts rwm\nDeviceAllow=char-* m\n"
            "DeviceAllow=/dev/nvidia0\n");
  const ScopePolicy policy = policy_of(tree);
  EXPECT_EQ(policy.policy, "strict");
  const std::vector<std::string> entries = {"/dev/char/1:3 rwm", "char-pts rwm",
                                            "char-* m", "/dev/nvidia0 rwm"};
  EXPECT_EQ(policy.allow, entries);
  const std::vector<std::string> files = {kTransient + "50-DeviceAllow.conf",
                                          kTransient + "50-DevicePolicy.conf"};
  EXPECT_EQ(policy.files, files);
}

TEST(ScopePolicy, AppliesDropInsByNameWhereverTheyLie) {
  TempTree tree;
  tree.file(kTransient + "50-DeviceAllow.conf",
            "[Scope]\nDevicePolicy=strict\nDeviceAllow=\n"
            "DeviceAllow=/dev/char/1:3 rwm\n");
  tree.file("/etc/systemd/system/docker-.scope.d/60-gpu.conf",
            "[Scope]\nDeviceAllow=char-195 rw\n");
  tree.file("/etc/systemd/system/docker-.scope.d/40-early.conf",
            "[Scope]\nDeviceAllow=/dev/char/9:9 rw\n");
  tree.file("/usr/lib/systemd/system/scope.d/70-all.conf",
            "[Scope]\nDeviceAllow=/dev/char/5:5 r\n");
  const std::vector<std::string> entries = {"/dev/char/1:3 rwm", "char-195 rw",
                                            "/dev/char/5:5 r"};
  EXPECT_EQ(policy_of(tree).allow, entries);
}

TEST(ScopePolicy, AHigherFolderHidesTheSameName) {
  TempTree tree;
  tree.file(kTransient + "50-a.conf", "[Scope]\nDeviceAllow=/dev/char/1:1 r\n");
  tree.file("/etc/systemd/system.control/docker-ab12.scope.d/50-a.conf",
            "[Scope]\nDeviceAllow=/dev/char/2:2 r\n");
  EXPECT_EQ(policy_of(tree).allow, std::vector<std::string>{"/dev/char/2:2 r"});
}

TEST(ScopePolicy, ALinkToNullMasksADropIn) {
  TempTree tree;
  tree.directory("/dev");
  if (::mknod((tree.path() + "/dev/null").c_str(), S_IFCHR | 0666,
              makedev(1, 3)) != 0) {
    GTEST_SKIP() << "needs root for mknod";
  }
  tree.file(kTransient + "50-a.conf", "[Scope]\nDeviceAllow=/dev/char/1:1 r\n");
  tree.file("/run/systemd/system/docker-.scope.d/60-b.conf",
            "[Scope]\nDeviceAllow=/dev/char/2:2 r\n");
  tree.link("/etc/systemd/system/docker-.scope.d/60-b.conf", "/dev/null");
  EXPECT_EQ(policy_of(tree).allow, std::vector<std::string>{"/dev/char/1:1 r"});
}

TEST(ScopePolicy, PassesOverWhatSystemdPassesOver) {
  TempTree tree;
  tree.file(kTransient + "a.conf",
            "[Scope]\nDevicePolicy=lenient\nDeviceAllow=/etc/passwd r\n"
            "DeviceAllow=/dev/../etc/x r\nDeviceAllow=/dev/a rx\n"
            "DeviceAllow=/dev/b rw extra\n[Service]\nDeviceAllow=/dev/c\n");
  const ScopePolicy policy = policy_of(tree);
  EXPECT_EQ(policy.policy, "auto");
  EXPECT_TRUE(policy.allow.empty());
}

TEST(ScopePolicy, UnitsWithoutFilesAndStrangeNamesAreErrors) {
  TempTree tree;
  tree.file("/etc/systemd/system/docker-.scope.d/60-gpu.conf",
            "[Scope]\nDeviceAllow=char-195 rw\n");
  const host::Host host = host_of(tree);
  EXPECT_EQ(read_scope_policy(host, kUnit).error().kind,
            Error::Kind::not_found);
  EXPECT_EQ(read_scope_policy(host, "../x.scope").error().kind,
            Error::Kind::malformed);
  EXPECT_EQ(read_scope_policy(host, "a.service").error().kind,
            Error::Kind::malformed);
}

TEST(ScopePolicy, AutoWithoutAListAllowsEverything) {
  TempTree tree;
  EXPECT_TRUE(allowed(tree, "auto", {}, node(195, 0)));
  EXPECT_FALSE(allowed(tree, "auto", {"char-pts rwm"}, node(195, 0)));
  EXPECT_FALSE(allowed(tree, "strict", {}, node(195, 0)));
  EXPECT_FALSE(allowed(tree, "closed", {}, node(195, 0)));
  EXPECT_TRUE(allowed(tree, "closed", {}, node(1, 3)));
  EXPECT_FALSE(allowed(tree, "strict", {}, node(1, 3)));
}

TEST(ScopePolicy, ResolvesEntriesAsSystemdDoes) {
  TempTree tree;
  EXPECT_TRUE(allowed(tree, "strict", {"/dev/char/195:0 rw"}, node(195, 0)));
  EXPECT_FALSE(allowed(tree, "strict", {"/dev/char/195:1 rw"}, node(195, 0)));
  EXPECT_TRUE(allowed(tree, "strict", {"char-195 rwm"}, node(195, 7)));
  EXPECT_TRUE(allowed(tree, "strict", {"char-nvidia* rw"}, node(511, 0)));
  EXPECT_FALSE(allowed(tree, "strict", {"char-nvidia rw"}, node(511, 0)));
  EXPECT_FALSE(allowed(tree, "strict", {"char-amdgpu rw"}, node(195, 0)));
  EXPECT_FALSE(allowed(tree, "strict", {"block-* rwm"}, node(195, 0)));
  EXPECT_FALSE(allowed(tree, "strict", {"char-* m"}, node(195, 0)));
  EXPECT_TRUE(allowed(tree, "strict", {"char-* rw"}, node(195, 0)));
}

TEST(ScopePolicy, OneEntryMustGiveAllOfTheAccess) {
  TempTree tree;
  const std::vector<std::string> two = {"/dev/char/195:0 r",
                                        "/dev/char/195:0 w"};
  EXPECT_FALSE(allowed(tree, "strict", two, node(195, 0, "rw")));
  EXPECT_TRUE(allowed(tree, "strict", two, node(195, 0, "r")));
  EXPECT_TRUE(
      allowed(tree, "strict", {"/dev/char/195:0 rw"}, node(195, 0, "rwm")));
}

// Measured: systemd says yes to a path that does not exist, and nothing
// follows from it.
TEST(ScopePolicy, PathsCountOnlyWhereTheirNodeIs) {
  TempTree tree;
  tree.directory("/dev/char");
  const std::string entry = "/dev/nvidia0 rw";
  EXPECT_FALSE(allowed(tree, "strict", {entry}, node(195, 0)));
  const ScopePolicy policy{kUnit,
                           "strict",
                           {entry, "/dev/char/195:0 rw", "char-nvidia* rw",
                            "char-amdgpu rw", "block-* m"},
                           {}};
  const host::Root root = *host::Root::open(tree.path());
  const std::vector<std::string> dead = {entry, "char-amdgpu rw"};
  EXPECT_EQ(entries_of_no_effect(policy, root, kDevices), dead);
  if (::mknod((tree.path() + "/dev/nvidia0").c_str(), S_IFCHR | 0666,
              makedev(195, 0)) != 0) {
    GTEST_SKIP() << "needs root for mknod";
  }
  EXPECT_TRUE(allowed(tree, "strict", {entry}, node(195, 0)));
  EXPECT_EQ(entries_of_no_effect(policy, root, kDevices),
            std::vector<std::string>{"char-amdgpu rw"});
}

TEST(ScopePolicy, OldSystemdNeedsTheLinkInDevChar) {
  TempTree tree;
  tree.directory("/dev/char");
  if (::mknod((tree.path() + "/dev/nvidia0").c_str(), S_IFCHR | 0666,
              makedev(195, 0)) != 0) {
    GTEST_SKIP() << "needs root for mknod";
  }
  const std::vector<std::string> entries = {"/dev/char/195:0 rw"};
  EXPECT_FALSE(allowed(tree, "strict", entries, node(195, 0), 239));
  EXPECT_TRUE(allowed(tree, "strict", entries, node(195, 0), 240));
  EXPECT_TRUE(allowed(tree, "strict", entries, node(195, 0), 0));
  tree.link("/dev/char/195:0", "../nvidia0");
  EXPECT_TRUE(allowed(tree, "strict", entries, node(195, 0), 239));
}

}  // namespace
}  // namespace gpuward::containers
