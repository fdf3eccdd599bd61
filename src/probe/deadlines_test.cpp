#include "probe/deadlines.h"

#include <gtest/gtest.h>

namespace gpuward::probe {
namespace {

TEST(Deadlines, AreOfTheClassAndTimesTheFactor) {
  EXPECT_EQ(deadline_of(CallClass::load), 10s);
  EXPECT_EQ(deadline_of(CallClass::init), 15s);
  EXPECT_EQ(deadline_of(CallClass::handle), 60s);
  EXPECT_EQ(deadline_of(CallClass::query), 10s);
  EXPECT_EQ(deadline_of(CallClass::init, 0.1), 1500ms);
}

TEST(Deadlines, AFactorOfNothingDoesNotMakeEveryCallStuck) {
  EXPECT_GT(deadline_of(CallClass::query, 0.0), 0ms);
  EXPECT_GT(deadline_of(CallClass::query, -3.0), 0ms);
}

}  // namespace
}  // namespace gpuward::probe
