#include "base/time.h"

#include <gtest/gtest.h>

namespace gpuward {
namespace {

TEST(Time, IsoThereAndBack) {
  const Wall when = Wall(Millis(1769314270999));
  EXPECT_EQ(to_iso(when), "2026-01-25T04:11:10.999Z");
  EXPECT_EQ(from_iso(to_iso(when)), when);
  EXPECT_EQ(from_iso("2026-01-25T04:11:10Z"), when - 999ms);
  EXPECT_EQ(from_iso("yesterday"), std::nullopt);
  EXPECT_EQ(from_iso("2026-01-25T04:11:10+01:00"), std::nullopt);
}

TEST(Time, InWords) {
  EXPECT_EQ(to_words(850ms), "850 ms");
  EXPECT_EQ(to_words(2300ms), "2.3 s");
  EXPECT_EQ(to_words(12min), "12 min");
  EXPECT_EQ(to_words(150min), "2 h 30 min");
  EXPECT_EQ(to_words(122h), "5 d 2 h");
}

TEST(Time, ADurationAsPeopleWriteIt) {
  EXPECT_EQ(duration_from("250ms"), 250ms);
  EXPECT_EQ(duration_from("1.5m"), 90s);
  EXPECT_EQ(duration_from("5min"), 5min);
  EXPECT_EQ(duration_from("2d"), 48h);
  EXPECT_EQ(duration_from("1h30m"), 90min);
  EXPECT_EQ(duration_from("2d4h30m"), 48h + 4h + 30min);
  EXPECT_EQ(duration_from("66.6d"), Millis(5'754'240'000));
  EXPECT_EQ(duration_from("1m1.5s"), 61'500ms);
  EXPECT_EQ(duration_from("1500us"), 2ms);
  EXPECT_EQ(duration_from("0"), 0ms);
  EXPECT_EQ(duration_or_seconds_from("3"), 3s);
  EXPECT_EQ(duration_or_seconds_from("0.5"), 500ms);
  EXPECT_EQ(duration_or_seconds_from("2m"), 2min);
  EXPECT_FALSE(duration_or_seconds_from("").has_value());
  EXPECT_EQ(duration_from("5").error().text,
            "invalid duration '5': use 500ms, 10s, 5m or 1h");
  for (const char* wrong : {"", "3", "s", "-1s", "1e3s", "5 s", "1s2", "inf",
                            "10y", "1.2.3s", "1h30", "h1", "9999999999999h"}) {
    const auto read = duration_from(wrong);
    ASSERT_FALSE(read.has_value()) << wrong;
    EXPECT_EQ(read.error().kind, Error::Kind::malformed);
  }
}

TEST(Time, BootClockDoesNotGoBack) {
  const Boot before = BootClock::now();
  EXPECT_LE(before, BootClock::now());
}

}  // namespace
}  // namespace gpuward
