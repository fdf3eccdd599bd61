#include "loop/loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <vector>

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

// A loop for tests: nothing sleeps, and a timer fires when its time has come.
TEST(Loop, TimePassesAsATestWants) {
  auto loop = Loop::create_for_test(Boot(1h));
  ASSERT_TRUE(loop.has_value());
  std::vector<Boot> fired;
  const auto note = [&] { fired.push_back(loop->now()); };
  ASSERT_TRUE(loop->at(1, loop->now() + 10min, note));
  ASSERT_TRUE(loop->at(2, loop->now() + 5min, [&] {
    note();
    ASSERT_TRUE(loop->at(2, loop->now() + 2min, note));
  }));
  ASSERT_TRUE(loop->pass(4min));
  EXPECT_TRUE(fired.empty());
  ASSERT_TRUE(loop->pass(10min));
  EXPECT_EQ(fired, (std::vector<Boot>{Boot(65min), Boot(67min), Boot(70min)}));
  EXPECT_EQ(loop->now(), Boot(74min));
}

TEST(Loop, WhatIsReadableIsCalledWhileTimePasses) {
  auto loop = Loop::create_for_test(Boot(1h));
  ASSERT_TRUE(loop.has_value());
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  char got = 0;
  ASSERT_TRUE(loop->on_readable(
      ends[0], [&] { ASSERT_EQ(::read(ends[0], &got, 1), 1); }));
  ASSERT_TRUE(loop->at(1, loop->now() + 1min,
                       [&] { ASSERT_EQ(::write(ends[1], "x", 1), 1); }));
  ASSERT_TRUE(loop->pass(1min));
  EXPECT_EQ(got, 'x');
  loop->remove(ends[0]);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Loop, ALongTurnIsTold) {
  auto loop = Loop::create_for_test(Boot(1h));
  ASSERT_TRUE(loop.has_value());
  std::vector<Turn> told;
  loop->on_long_turn([&](const Turn& turn) { told.push_back(turn); });
  ASSERT_TRUE(loop->at(7, loop->now(), [] {
    const auto end = std::chrono::steady_clock::now() + Loop::kLongTurn + 10ms;
    while (std::chrono::steady_clock::now() < end) {
    }
  }));
  ASSERT_TRUE(loop->pass(1s));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].what, "timer 7");
  EXPECT_GT(told[0].took, Loop::kLongTurn);
  EXPECT_EQ(loop->longest_turn(), told[0]);
}

using LoopDeathTest = testing::Test;

TEST(LoopDeathTest, ATimerThatSpinsIsTold) {
  const auto spin = [](Millis pause) {
    auto loop = Loop::create_for_test(Boot(1h));
    Loop::Handler again = [&] {
      (void)loop->at(3, loop->now() + pause, again);
    };
    (void)loop->at(3, loop->now(), again);
    (void)loop->pass(1s);
  };
  ::setenv("GPUWARD_STRICT_LOOP", "1", 1);
  EXPECT_DEATH(spin(0ms), "timer 3 sets itself to \"at once\"");
  spin(2ms);  // a short pause is a pause
}

TEST(LoopDeathTest, ADescriptorThatWasClosedTooEarlyIsTold) {
  const auto close_first = [](bool takes_its_number) {
    auto loop = Loop::create_for_test(Boot(1h));
    std::array<int, 2> ends{};
    std::array<int, 2> others{};
    if (::pipe(ends.data()) != 0) return;
    (void)loop->on_readable(ends[0], [] {});
    ::close(ends[0]);
    if (takes_its_number && ::pipe(others.data()) != 0) return;
    loop->remove(ends[0]);
  };
  ::setenv("GPUWARD_STRICT_LOOP", "1", 1);
  EXPECT_DEATH(close_first(false), "closed before its handler was removed");
  EXPECT_DEATH(close_first(true), "closed before its handler was removed");
}

}  // namespace
}  // namespace gpuward::loop
