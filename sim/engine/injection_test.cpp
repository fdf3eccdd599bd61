#include <gtest/gtest.h>

#include "sim/engine/faults.h"

namespace gpuward::simulator {
namespace {

struct Case {
  std::vector<std::string> words;
  std::string shown;  // describe() of a single fault, or the complaint
};

class Faults : public testing::TestWithParam<Case> {};

TEST_P(Faults, AreReadAndShown) {
  const auto injections = parse_injections(GetParam().words);
  ASSERT_TRUE(injections) << injections.error().text;
  ASSERT_EQ(injections->size(), 1u);
  EXPECT_EQ(describe(injections->front().fault), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    All, Faults,
    testing::Values(
        Case{{"nvmlInit*", "hang=futex"}, "0: nvmlInit* hang=futex"},
        Case{{"nvmlInit* hang=d"}, "0: nvmlInit* hang=d"},
        Case{{"nvmlDeviceGetTemperature", "gpu=3", "return=GPU_IS_LOST"},
             "0: nvmlDeviceGetTemperature return=GPU_IS_LOST gpu=3"},
        Case{{"nvml*", "delay=3s"}, "0: nvml* delay=3000ms"},
        Case{{"nvml*", "return=UNKNOWN", "delay=1s"},
             "0: nvml* return=UNKNOWN delay=1000ms"},
        Case{{"nvmlShutdown", "hang=busy", "caller=a*", "not-caller=b",
              "from-call=2", "to_call=4", "after=1s", "until=1m"},
             "0: nvmlShutdown hang=busy caller=a* not_caller=b from_call=2 "
             "to_call=4 "
             "after=1000ms until=60000ms"},
        Case{{"nvmlShutdown", "die=true"}, "0: nvmlShutdown die=true"}));

class Wrong : public testing::TestWithParam<Case> {};

TEST_P(Wrong, IsExplained) {
  const auto injections = parse_injections(GetParam().words);
  ASSERT_FALSE(injections);
  EXPECT_NE(injections.error().text.find(GetParam().shown), std::string::npos)
      << injections.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, Wrong,
    testing::Values(
        Case{{}, "nothing to inject"},
        Case{{"nvmlInit*"}, "needs what happens"},
        Case{{"init", "hang=d"}, "neither a symbol"},
        Case{{"nvmlInit*", "hnag=d"}, "did you mean 'hang'?"},
        Case{{"nvmlInit*", "hang=d", "return=UNKNOWN"}, "only one of"},
        Case{{"nvmlInit*", "delay=3"}, "invalid duration"},
        Case{{"nvmlInit*", "gpu=99", "hang=d"}, "is no GPU index"},
        Case{{"nvmlInit*", "hang=d", "until=1s", "after=2s"}, "must lie after"},
        Case{{"nvmlDeviceGetTemprature", "hang=d"},
             "did you mean 'nvmlDeviceGetTemperature'?"},
        Case{{"xid=79"}, "needs its GPU"},
        Case{{"set", "gpu=1"}, "needs a reading"},
        Case{{"set", "gpu=1", "temprature=3"}, "did you mean 'temperature'?"}));

TEST(Injection, ReadsSeveralAndEvents) {
  const auto all =
      parse_injections({"lose-gpu=3", "xid=79", "gpu=3", "text=a b", "set",
                        "gpu=1", "temperature=95", "nvmlInit*", "hang=d"});
  ASSERT_TRUE(all) << all.error().text;
  ASSERT_EQ(all->size(), 4u);
  EXPECT_EQ((*all)[0].event.kind, TimedEvent::Kind::lose_gpu);
  EXPECT_EQ((*all)[1].event.text, "a b");
  EXPECT_EQ((*all)[2].event.settings.size(), 1u);
  EXPECT_EQ((*all)[3].kind, Injection::Kind::fault);
}

}  // namespace
}  // namespace gpuward::simulator
