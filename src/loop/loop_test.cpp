#include "loop/loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace gpuward::loop {
namespace {

TEST(Loop, ReadableThenTimerThenEnd) {
  auto loop = Loop::create();
  ASSERT_TRUE(loop.has_value());
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  int reads = 0;
  bool timed = false;
  ASSERT_TRUE(loop->on_readable(ends[0], [&] {
    ++reads;
    loop->remove(ends[0]);  // a handler may remove itself
  }));
  ASSERT_TRUE(loop->at(1, BootClock::now() + 20ms, [&] {
    timed = true;
    loop->end();
  }));
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  ASSERT_TRUE(loop->run().has_value());
  EXPECT_EQ(reads, 1);
  EXPECT_TRUE(timed);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Loop, ATimerSetAgainIsMovedAndACancelledOneIsSilent) {
  auto loop = Loop::create();
  ASSERT_TRUE(loop.has_value());
  int first = 0;
  int second = 0;
  ASSERT_TRUE(loop->at(1, BootClock::now(), [&] { ++first; }));
  ASSERT_TRUE(loop->at(1, BootClock::now() + 5ms, [&] { ++second; }));
  ASSERT_TRUE(loop->at(2, BootClock::now(), [&] { ++first; }));
  loop->cancel(2);
  ASSERT_TRUE(loop->at(3, BootClock::now() + 15ms, [&] { loop->end(); }));
  ASSERT_TRUE(loop->run().has_value());
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(Loop, ASignalCallsItsHandlerAndAnotherEndsTheLoop) {
  auto made = Loop::create();
  ASSERT_TRUE(made.has_value());
  ASSERT_TRUE(made->end_on_signals());
  int heard = 0;
  ASSERT_TRUE(made->on_signal(SIGHUP, [&] {
    ++heard;
    (void)std::raise(SIGTERM);
  }));
  Loop loop = std::move(*made);
  (void)std::raise(SIGHUP);
  ASSERT_TRUE(loop.run().has_value());
  EXPECT_EQ(heard, 1);
}

}  // namespace
}  // namespace gpuward::loop
