#include "base/json.h"

#include <gtest/gtest.h>

#include <chrono>

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

TEST(Json, TooDeepIsRefused) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(Json::parse(nested(100)).has_value());
  EXPECT_FALSE(Json::parse(nested(101)).has_value());
}

TEST(Json, TheLastOfTwoCounts) {
  const auto value = Json::parse(R"({"a": 1, "b": {"a": 2}, "a": 3})");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->dump(), R"({"a":3,"b":{"a":2}})");
}

TEST(Json, ManyKeysTakeNoTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) {
    text += "\"" + std::to_string(i) + "\":[],";
  }
  text.back() = '}';
  const auto began = std::chrono::steady_clock::now();
  const auto value = Json::parse(text);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->as_object().size(), 200'000U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
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
