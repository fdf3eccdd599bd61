#include "agent/service.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "probe/release.h"
#include "snapshot/wire.h"
#include "support/temp_tree.h"

namespace gpuward::agent {
namespace {

TEST(Service, PausesGrowAndAreBounded) {
  EXPECT_EQ(Service::pause_after(0, 15s), 15s);
  EXPECT_EQ(Service::pause_after(1, 15s), 30s);
  EXPECT_EQ(Service::pause_after(2, 15s), 60s);
  EXPECT_EQ(Service::pause_after(50, 15s), 10min);
  EXPECT_EQ(Service::pause_after(3, 30min), 30min);
}

// Each writing makes another file.
std::pair<ino_t, int64_t> writing_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ino,
          status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// It set its timer to "at once" for as long as the driver was released, and
// wrote the file each time.
TEST(Service, WhileReleasedItWaitsAndWritesAsSeldomAsBetweenTwoRounds) {
  const TempTree tree;
  const auto host =
      host::Host::open({.root = tree.path(), .run_dir = tree.path() + "/run"});
  ASSERT_TRUE(host.has_value());
  ASSERT_TRUE(host::make_run_dir(*host));
  ASSERT_TRUE(probe::write_release(*host, {wall_now() + 1h, 4711}));
  auto loop = loop::Loop::create_for_test(Boot(1h));
  ASSERT_TRUE(loop.has_value());
  auto service = Service::start(*host, *loop, {.interval = 15s});
  ASSERT_TRUE(service.has_value()) << service.error().text;

  std::set<std::pair<ino_t, int64_t>> writings;
  for (int second = 0; second < 20; ++second) {
    ASSERT_TRUE(loop->pass(1s));
    writings.insert(writing_of(snapshot::snapshot_path(*host)));
  }
  EXPECT_GE(writings.size(), 3U);
  EXPECT_LE(writings.size(), 5U);
}

}  // namespace
}  // namespace gpuward::agent
