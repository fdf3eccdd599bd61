#include "probe/launch.h"

#include <gtest/gtest.h>

namespace gpuward::probe {
namespace {

TEST(Launch, SettingsThereAndBack) {
  ProberSettings settings;
  settings.root = "/a b";
  settings.driver_root = "/run/nvidia/driver";
  settings.factor = 0.25;
  settings.left_out = 0x9;
  settings.slot = 2;
  settings.owner_pid = 4711;
  settings.owner_start_time = 123456789012345;
  settings.simulated = true;
  const auto back = from_arguments(to_arguments(settings));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, settings);
}

TEST(Launch, AnotherCommandLineIsNoProber) {
  EXPECT_FALSE(from_arguments({"gpuward", "doctor"}).has_value());
  EXPECT_FALSE(from_arguments({}).has_value());
}

}  // namespace
}  // namespace gpuward::probe
