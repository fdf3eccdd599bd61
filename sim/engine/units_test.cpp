#include "sim/engine/units.h"

#include <gtest/gtest.h>

namespace gpuward::simulator {
namespace {

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("2d4h30m"), 48h + 4h + 30min);
  EXPECT_EQ(parse_duration("66.6d"), Millis(5'754'240'000));
  EXPECT_EQ(parse_duration("-5s"), -5s);
  for (const char* wrong : {"", "5", "5 parsecs", "s", "5s3", "1.2.3s"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_size("97871MiB"), uint64_t{97871} << 20);
  EXPECT_EQ(parse_size("512 B"), 512u);
  EXPECT_FALSE(parse_size("97871"));
  EXPECT_FALSE(parse_size("3GB"));
}

TEST(Units, KnowsReturnCodes) {
  EXPECT_EQ(parse_return("GPU_IS_LOST"), 15);
  EXPECT_EQ(parse_return("NVML_ERROR_GPU_IS_LOST"), 15);
  EXPECT_EQ(parse_return("unknown"), 999);
  EXPECT_EQ(parse_return("42"), 42);
  const auto wrong = parse_return("GPU_IS_LOSS");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().text.find("did you mean 'GPU_IS_LOST'"),
            std::string::npos);
}

}  // namespace
}  // namespace gpuward::simulator
