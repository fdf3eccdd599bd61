#include "loop/inbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace gpuward::loop {
namespace {

TEST(Inbox, RunsOnTheLoopInOrder) {
  auto loop = Loop::create();
  ASSERT_TRUE(loop.has_value());
  auto inbox = Inbox::open(*loop);
  ASSERT_TRUE(inbox.has_value());
  std::vector<int> seen;
  std::thread::id where;
  constexpr int kMany = 1000;
  std::jthread other([&] {
    for (int i = 0; i < kMany; ++i) {
      (*inbox)->post([&seen, &where, i] {
        seen.push_back(i);
        where = std::this_thread::get_id();
      });
    }
    (*inbox)->post([&loop] { loop->end(); });
  });
  ASSERT_TRUE(loop->run().has_value());
  ASSERT_EQ(seen.size(), kMany);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(Inbox, MayBeDestroyedByWhatItRuns) {
  auto loop = Loop::create();
  ASSERT_TRUE(loop.has_value());
  auto inbox = Inbox::open(*loop);
  ASSERT_TRUE(inbox.has_value());
  int runs = 0;
  (*inbox)->post([&] {
    ++runs;
    inbox->reset();
  });
  (*inbox)->post([&] { ++runs; });
  ASSERT_TRUE(loop->at(1, BootClock::now() + 10ms, [&] { loop->end(); }));
  ASSERT_TRUE(loop->run().has_value());
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace gpuward::loop
