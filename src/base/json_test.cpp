#include "base/json.h"

#include <gtest/gtest.h>

namespace gpuward {
namespace {

TEST(Json, KeepsOrderAndTypesThereAndBack) {
  Json value;
  value.set("z", 1);
  value.set("a", "text");
  value.set("list", Json::Array{true, nullptr, 1.5});
  EXPECT_EQ(value.dump(), R"({"z":1,"a":"text","list":[true,null,1.5]})");
  const auto back = Json::parse(value.dump());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, value);
}

TEST(Json, BadBytesDoNotThrow) {
  EXPECT_EQ(Json("a\xff").dump(), "\"a\uFFFD\"");
  EXPECT_FALSE(Json::parse("{\"a\": ").has_value());
  EXPECT_FALSE(Json::parse("").has_value());
  EXPECT_FALSE(Json::parse("1 2").has_value());
  EXPECT_FALSE(Json::parse(std::string(5000, '[')).has_value());
}

TEST(Json, AbsentIsNullAndAWrongTypeIsNotAValue) {
  const auto value = Json::parse(R"({"n": "5"})");
  ASSERT_TRUE(value.has_value());
  EXPECT_TRUE((*value)["missing"]["deeper"].is_null());
  EXPECT_FALSE((*value)["n"].is_integer());
  EXPECT_EQ((*value)["n"].as_integer(-1), -1);
}

}  // namespace
}  // namespace gpuward
