#include "model/facts.h"

#include <gtest/gtest.h>

#include <set>

namespace gpuward::fact {
namespace {

TEST(Facts, EachKeyStandsOnceAndSaysWhatItIs) {
  std::set<std::string_view> seen;
  for (const Key& key : all_keys()) {
    EXPECT_TRUE(seen.insert(key.key).second) << key.key;
    EXPECT_FALSE(key.about.empty()) << key.key;
    EXPECT_TRUE(key.type != Type::words || !words_of(key).empty()) << key.key;
  }
  EXPECT_TRUE(seen.contains(kDriver));
}

TEST(Facts, AValueIsOfTheKeysType) {
  const auto value = [](std::string_view key, std::string_view text) {
    return value_from(*find(key), text);
  };
  EXPECT_EQ(value(kDriver, "570.158.01"), Value(std::string("570.158.01")));
  EXPECT_EQ(value(kUptimeDays, "66.5"), Value(66.5));
  EXPECT_EQ(value(kDeviceNodes, "8"), Value(int64_t{8}));
  EXPECT_EQ(value(kRowsFailed, "yes"), Value(true));
  EXPECT_EQ(value(kSecureBoot, "on"), Value(std::string("on")));
  EXPECT_EQ(value(kModule, "opn").error().text,
            "module is one of open, proprietary, not 'opn'; did you mean "
            "'open'?");
  EXPECT_EQ(value(kDriver, "570").error().text,
            "driver is a version such as 570.158.01, not '570'");
  EXPECT_EQ(value(kDeviceNodes, "-1").error().text,
            "device_nodes is not below 0, not '-1'");
  EXPECT_EQ(value(kRowsFailed, "perhaps").error().text,
            "rows_failed is true or false, not 'perhaps'");
}

TEST(Facts, AWrongKeyNamesTheNearest) {
  EXPECT_EQ(find("drivr"), nullptr);
  EXPECT_EQ(suggestion("drivr"), "; did you mean 'driver'?");
  EXPECT_EQ(suggestion("zzzzzzzzzz"), "");
}

}  // namespace
}  // namespace gpuward::fact
