#include "probe/release.h"

#include <gtest/gtest.h>

#include "host/host.h"
#include "support/temp_tree.h"

namespace gpuward::probe {
namespace {

TEST(Release, AReleaseHoldsUntilItsTimeOrItsEnd) {
  const TempTree tree;
  const auto host = host::Host::open({.root = "/", .run_dir = tree.path()});
  ASSERT_TRUE(host.has_value());
  const Wall now = wall_now();
  EXPECT_FALSE(released_until(*host, now).has_value());
  ASSERT_TRUE(write_release(*host, {now + 10min, 4711}).has_value());
  ASSERT_TRUE(released_until(*host, now).has_value());
  EXPECT_EQ(released_until(*host, now)->by_pid, 4711);
  EXPECT_FALSE(released_until(*host, now + 11min).has_value());
  ASSERT_TRUE(end_release(*host).has_value());
  EXPECT_FALSE(released_until(*host, now).has_value());
  EXPECT_TRUE(end_release(*host).has_value());
}

}  // namespace
}  // namespace gpuward::probe
