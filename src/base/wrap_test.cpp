#include "base/wrap.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace gpuward {
namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kText =
    "the driver of this machine has not answered since Tuesday, and neither "
    "nvidia-smi nor the device plugin comes back from its first call to it";

TEST(Wrap, NoLineIsLongerThanTheWidthAndNoWordIsLost) {
  for (size_t width = 1; width <= 200; ++width) {
    std::string all;
    for (const std::string& line : wrap(kText, width)) {
      EXPECT_LE(columns_of(line), width) << line;
      all += line;
    }
    std::string bare;
    for (const auto word : words(kText)) bare += word;
    std::erase(all, ' ');
    EXPECT_EQ(all, bare) << width;
  }
}

TEST(Wrap, ALastShortWordDoesNotStandAlone) {
  EXPECT_EQ(wrap("one two three four", 13), Lines({"one two", "three four"}));
  // The line above would be left with one word.
  EXPECT_EQ(wrap("hundred thousand it", 16), Lines({"hundred thousand", "it"}));
  for (size_t width = 40; width <= 200; ++width) {
    const Lines lines = wrap(kText, width);
    if (lines.size() < 2) continue;
    const bool alone = words(lines.back()).size() == 1;
    EXPECT_FALSE(alone && columns_of(lines.back()) < kShortWord) << width;
  }
}

TEST(Wrap, AWordLongerThanALineIsBrokenAtACharacter) {
  EXPECT_EQ(wrap("a ××××× b", 3), Lines({"a", "×××", "××", "b"}));
  EXPECT_EQ(wrap("", 5), Lines({""}));
}

TEST(Ascii, MarksHaveStandInsAndOtherCharactersAreEscaped) {
  EXPECT_EQ(to_ascii("✖ 8 × H20 · a → b… é"), "x 8 x H20 - a -> b... \\u{e9}");
  EXPECT_EQ(to_ascii("\x1b[31m plain"), "\x1b[31m plain");
}

}  // namespace
}  // namespace gpuward
