#include "diagnosis/version.h"

#include <gtest/gtest.h>

namespace gpuward::diagnosis {
namespace {

Version v(std::string_view text) { return *parse_version(text); }

const std::vector<BranchRange> kRanges = {
    {570, v("570.124.06"), v("570.158.01"), v("570.172.08"), "570.124.06",
     "570.158.01", "570.172.08"},
    {575, v("575.57.08"), v("575.57.08"), {}, "575.57.08", "575.57.08", ""},
    {580, {}, {}, v("580.65.06"), "", "", "580.65.06"},
};

TEST(Version, IsComparedWithinItsBranch) {
  const std::pair<const char*, DriverStatus> kTable[] = {
      {"570.86.15", DriverStatus::unaffected},
      {"570.124.06", DriverStatus::affected},
      {"570.133.20", DriverStatus::affected},
      {"570.158.01", DriverStatus::affected},
      {"570.169", DriverStatus::unknown},
      {"570.172.08", DriverStatus::fixed},
      {"570.195.03", DriverStatus::fixed},
      {"575.57.08", DriverStatus::affected},
      {"575.64.03", DriverStatus::unknown},
      {"580.65.06", DriverStatus::fixed},
      {"580.64.01", DriverStatus::unknown},
      {"535.274.02", DriverStatus::unknown},
      {"595.58.03", DriverStatus::unknown},
  };
  for (const auto& [text, status] : kTable) {
    EXPECT_EQ(driver_status(kRanges, v(text)), status) << text;
  }
}

TEST(Version, NumbersAreNotText) {
  EXPECT_LT(v("570.86.15"), v("570.124.06"));
  EXPECT_EQ(v("570.158.1"), v("570.158.01"));
  for (const char* bad : {"", "570.", "abc", "570.x.1", "v570"}) {
    EXPECT_FALSE(parse_version(bad)) << bad;
  }
}

TEST(Version, InWords) {
  EXPECT_EQ(range_in_words(kRanges, v("570.133.20")),
            "570.124.06 … 570.158.01, fixed in 570.172.08");
  EXPECT_EQ(range_in_words(kRanges, v("575.57.08")), "575.57.08");
  EXPECT_EQ(range_in_words(kRanges, v("535.1")), "");
  EXPECT_EQ(fixes_in_words(kRanges),
            "570.172.08 (branch 570), 580.65.06 (branch 580)");
}

}  // namespace
}  // namespace gpuward::diagnosis
