#include "action/links_at_boot.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "host/tool.h"
#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

constexpr const char* kCommand = "/usr/bin/gpuward links create --create-all";

// A simulated node: its state file lies beside its root (host.cpp).
class LinksAtBoot : public testing::Test {
 protected:
  LinksAtBoot() {
    tree_.directory("/node/etc").file("/state", "SWPG");
    host_.emplace(*host::Host::open(
        {.root = tree_.path() + "/node", .run_dir = "/none"}));
    EXPECT_TRUE(host_->simulated);
  }
  const host::Root& root() const { return host_->evidence; }

  TempTree tree_;
  std::optional<host::Host> host_;
};

TEST_F(LinksAtBoot, TheRuleIsWrittenOnceAndSaysWhatWasWritten) {
  const auto shown = install_udev_rule(*host_, kCommand, Do::nothing);
  ASSERT_TRUE(shown.has_value());
  EXPECT_FALSE(root().exists(shown->files[0]));
  const auto first = install_udev_rule(*host_, kCommand, Do::it);
  ASSERT_TRUE(first && !first->already);
  EXPECT_EQ(root().read(first->files[0]), shown->text);
  EXPECT_NE(shown->text.find("DEVPATH==\"/bus/pci/drivers/nvidia\", "
                             "RUN+=\"/usr/bin/gpuward links create "
                             "--create-all\"\n"),
            std::string::npos);
  EXPECT_TRUE(install_udev_rule(*host_, kCommand, Do::it)->already);
  EXPECT_FALSE(install_udev_rule(*host_, "/opt/gpuward", Do::it)->already);
}

TEST_F(LinksAtBoot, TheUnitIsEnabledByItsLink) {
  const auto first = install_boot_unit(*host_, kCommand, Do::it);
  ASSERT_TRUE(first && !first->already);
  ASSERT_EQ(first->files.size(), 2u);
  EXPECT_EQ(root().read(first->files[0]), first->text);
  EXPECT_EQ(root().read_link(first->files[1]), first->files[0]);
  EXPECT_TRUE(install_boot_unit(*host_, kCommand, Do::it)->already);
  ASSERT_EQ(::unlink(root().outside(first->files[1]).c_str()), 0);
  EXPECT_FALSE(install_boot_unit(*host_, kCommand, Do::it)->already);
  EXPECT_TRUE(root().exists(first->files[1]));
}

TEST_F(LinksAtBoot, SystemdAcceptsTheUnit) {
  const auto unit = install_boot_unit(*host_, "/bin/true links", Do::it);
  ASSERT_TRUE(unit.has_value());
  const auto verified = host::run_tool(
      {"systemd-analyze", "verify", "--man=no", root().outside(unit->files[0])},
      10s);
  if (!verified) GTEST_SKIP() << verified.error().text;
  EXPECT_EQ(verified->exit_code, 0) << verified->complaints;
  // It complains of other units of the machine as well.
  EXPECT_EQ(verified->complaints.find("gpuward-dev-char-links"),
            std::string::npos)
      << verified->complaints;
}

TEST_F(LinksAtBoot, AForeignLinkOrFileIsLeftAlone) {
  const auto shown = install_boot_unit(*host_, kCommand, Do::nothing);
  tree_.link("/node" + shown->files[0], "/dev/null");  // masked
  const auto refused = install_boot_unit(*host_, kCommand, Do::it);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, Error::Kind::busy);
  EXPECT_FALSE(root().exists(shown->files[1]));
}

TEST(LinksAtBootCopies, NothingIsInstalledInACopy) {
  TempTree tree;
  const auto host = host::Host::open({.root = tree.path(), .run_dir = "/none"});
  const auto refused = install_udev_rule(*host, kCommand, Do::it);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, Error::Kind::unsupported);
  EXPECT_FALSE(host->evidence.exists("/etc"));
  EXPECT_TRUE(install_udev_rule(*host, kCommand, Do::nothing).has_value());
}

TEST(LastingProgram, WhatMeansSomethingToUdevIsNoPlainPath) {
  EXPECT_TRUE(is_plain_path("/opt/gpu-ward_1.2/bin/gpuward"));
  for (const char* path : {"", "bin/x", "/a b", "/a%k", "/a$b", "/a\"b", "/a'b",
                           "/a\nb", "/bin/gpuward (deleted)"}) {
    EXPECT_FALSE(is_plain_path(path)) << path;
  }
}

TEST(LastingProgram, OneThatOthersCanReplaceIsRefused) {
  const auto host = host::Host::open({.root = "/", .run_dir = "/none"});
  const auto program = lasting_program(*host);
  const auto tmp = host->evidence.lstat("/tmp");
  const auto self = host->self.read_link("/proc/self/exe");
  if (!self->starts_with("/tmp/") || !tmp || (tmp->st_mode & S_IWOTH) == 0) {
    GTEST_SKIP() << "this test does not run from a folder open to all";
  }
  ASSERT_FALSE(program.has_value());
  EXPECT_NE(program.error().text.find("others than root"), std::string::npos);
}

}  // namespace
}  // namespace gpuward::action
