#include "base/text.h"

#include <gtest/gtest.h>

namespace gpuward {
namespace {

TEST(Text, TrimsAndSplits) {
  EXPECT_EQ(trim("  a b \r\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(split("a,,b", ',').size(), 3U);
  EXPECT_EQ(words("  one  two\tthree ").size(), 3U);
}

TEST(Text, NumbersAreTheWholeTextOrNothing) {
  EXPECT_EQ(to_number<int>("42"), 42);
  EXPECT_EQ(to_number<int>("42x"), std::nullopt);
  EXPECT_EQ(to_number<int>(""), std::nullopt);
  EXPECT_EQ(to_number<unsigned char>("300"), std::nullopt);
  EXPECT_EQ(to_number<int>("ff", 16), 255);
  EXPECT_EQ(to_double("66.6"), 66.6);
}

TEST(Text, Globs) {
  EXPECT_TRUE(matches_glob("nvmlInit*", "nvmlInit_v2"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("nvidia-*-plugin", "nvidia-device-plugin"));
  EXPECT_FALSE(matches_glob("nvmlInit", "nvmlInit_v2"));
}

TEST(Text, PrintableKeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(printable("nvidia-smiが"), "nvidia-smiが");
  EXPECT_EQ(printable("a\xff"
                      "b"),
            "a\uFFFDb");
  EXPECT_EQ(printable("a\x1b[31mb"), "a?[31mb");
  EXPECT_EQ(printable("a\xC2\x9B"
                      "31mb\u00A0c"),
            "a?31mb\u00A0c");
  EXPECT_EQ(printable("\xE0\x80\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(printable("ががが", 4), "が…");
}

TEST(Text, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known{"driver", "timeline", "gpus"};
  EXPECT_EQ(nearest("dirver", known), "driver");
  EXPECT_EQ(nearest("timelines", known), "timeline");
  EXPECT_EQ(nearest("kubernetes", known), std::nullopt);
}

}  // namespace
}  // namespace gpuward
