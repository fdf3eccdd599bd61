#include "host/host.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temp_tree.h"

namespace gpuward::host {
namespace {

TEST(Host, OpensWhatWasAskedForAndSaysWhatIsMissing) {
  TempTree tree;
  const auto host = Host::open({tree.path(), tree.path() + "/run"});
  ASSERT_TRUE(host.has_value());
  EXPECT_EQ(host->evidence.directory(), tree.path());
  EXPECT_FALSE(host->evidence.is_machine());
  EXPECT_TRUE(host->self.is_machine());
  EXPECT_FALSE(host->simulated);
  EXPECT_FALSE(Host::open({tree.path() + "/none", ""}).has_value());
}

TEST(Host, KnowsASimulatedNodeByItsState) {
  TempTree tree;
  tree.file("/state", "SWPG and more");  // SIM_MAGIC, little endian
  tree.file("/root/etc/hostname", "sim\n");
  EXPECT_TRUE(Host::open({tree.path() + "/root", "/run"})->simulated);
  tree.file("/state", "something else");
  EXPECT_FALSE(Host::open({tree.path() + "/root", "/run"})->simulated);
}

TEST(Host, MakesTheRunDirectoryOnceAndRefusesAFileInItsPlace) {
  TempTree tree;
  auto host = Host::open({tree.path(), tree.path() + "/run"});
  ASSERT_TRUE(host.has_value());
  EXPECT_TRUE(make_run_dir(*host).has_value());
  EXPECT_TRUE(make_run_dir(*host).has_value());
  EXPECT_TRUE(std::filesystem::is_directory(tree.path() + "/run"));
  tree.file("/taken", "");
  host->run_dir = tree.path() + "/taken";
  EXPECT_FALSE(make_run_dir(*host).has_value());
}

}  // namespace
}  // namespace gpuward::host
