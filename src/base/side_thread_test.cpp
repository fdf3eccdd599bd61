#include "base/side_thread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <vector>

namespace gpuward {
namespace {

TEST(SideThread, DoesWhatWaitsBeforeItEnds) {
  std::vector<int> done;
  {
    SideThread thread(100);
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(thread.post([&done, i] { done.push_back(i); }));
    }
  }
  EXPECT_EQ(done.size(), 50U);
  EXPECT_TRUE(std::ranges::is_sorted(done));
}

TEST(SideThread, RefusesWhatDoesNotFitAndHoldsNobodyUp) {
  std::promise<void> started;
  std::promise<void> lift;
  SideThread thread(2);
  ASSERT_TRUE(thread.post([&] {
    started.set_value();
    lift.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(thread.post([] {}));
  EXPECT_TRUE(thread.post([] {}));
  EXPECT_FALSE(thread.post([] {}));
  lift.set_value();
}

TEST(SideThread, LeavesAStuckOneBehind) {
  static std::promise<void> lift;  // lives as long as the process
  static std::promise<void> over;
  {
    SideThread thread(2);
    ASSERT_TRUE(thread.post([] {
      lift.get_future().wait();
      over.set_value();
    }));
  }
  lift.set_value();
  over.get_future().wait();
}

}  // namespace
}  // namespace gpuward
