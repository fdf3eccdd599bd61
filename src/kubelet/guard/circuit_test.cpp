#include "kubelet/guard/circuit.h"

#include <gtest/gtest.h>

namespace gpuward::kubelet::guard {
namespace {

const Boot kNow{1h};

TEST(Circuit, OpensAfterSoManyLateCallsInARow) {
  Circuit circuit(2);
  circuit.late(kNow);
  EXPECT_FALSE(circuit.is_open());
  circuit.answered();
  circuit.late(kNow);
  EXPECT_FALSE(circuit.is_open());
  circuit.late(kNow);
  EXPECT_TRUE(circuit.is_open());
  circuit.answered();
  EXPECT_FALSE(circuit.is_open());
}

TEST(Circuit, AlwaysALittleLateOpensIt) {
  Circuit circuit(2);
  circuit.late(kNow);
  circuit.over();
  circuit.answered_at_last();
  EXPECT_FALSE(circuit.is_open());
  circuit.late(kNow);
  EXPECT_TRUE(circuit.is_open());
  circuit.answered_at_last();
  EXPECT_FALSE(circuit.is_open());
}

TEST(Circuit, ThePluginIsAskedAnewInGrowingPauses) {
  Circuit circuit(1);
  EXPECT_FALSE(circuit.may_ask(kNow));  // well
  circuit.late(kNow);
  EXPECT_FALSE(circuit.may_ask(kNow + 4s));
  EXPECT_TRUE(circuit.may_ask(kNow + 5s));
  circuit.asked(kNow + 5s);
  EXPECT_FALSE(circuit.may_ask(kNow + 14s));
  EXPECT_TRUE(circuit.may_ask(kNow + 15s));
  for (int i = 0; i < 20; ++i) circuit.asked(kNow);
  EXPECT_TRUE(circuit.may_ask(kNow + 60s));
}

TEST(Circuit, NoMoreThanTwoCallsAreLeftStuck) {
  Circuit circuit(1);
  circuit.late(kNow);
  circuit.late(kNow);
  EXPECT_FALSE(circuit.may_ask(kNow + 1h));
  circuit.over();
  EXPECT_TRUE(circuit.may_ask(kNow + 1h));
}

// The plugin is asked for the other circuit: this one is well, and its first
// pauses are not to be used up.
TEST(Circuit, AClosedOneDoesNotAgeWhileAnotherIsOpen) {
  Circuit circuit(1);
  for (int i = 0; i < 5; ++i) circuit.asked(kNow);
  circuit.late(kNow);
  EXPECT_TRUE(circuit.may_ask(kNow + 5s));
}

}  // namespace
}  // namespace gpuward::kubelet::guard
