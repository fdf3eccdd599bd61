#include "base/yaml.h"

#include <gtest/gtest.h>

namespace gpuward {
namespace {

TEST(Yaml, ReadsATreeWithLines) {
  const auto root = parse_yaml("a: 1\nb:\n  - x\n  - \"2\"\n", "f.yaml");
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(root->find("a")->line, 1);
  EXPECT_EQ(root->find("b")->items.at(1).line, 4);
  EXPECT_TRUE(root->find("b")->items.at(1).quoted);
}

TEST(Yaml, BrokenTextSaysWhere) {
  const auto root = parse_yaml("a: 1\nb: [1, 2\n", "f.yaml");
  ASSERT_FALSE(root.has_value());
  EXPECT_TRUE(root.error().text.starts_with("f.yaml:")) << root.error().text;
}

TEST(Yaml, AKeyTwiceIsAMistake) {
  const auto root = parse_yaml("a: 1\na: 2\n", "f.yaml");
  ASSERT_FALSE(root.has_value());
  EXPECT_EQ(root.error().text, "f.yaml:2: 'a' stands twice in the same map");
}

TEST(Yaml, UnknownKeysAndWrongTypesAreAllReportedWithASuggestion) {
  const auto root =
      parse_yaml("drivr: 570\ncount: many\nflag: maybe\n", "f.yaml");
  ASSERT_TRUE(root.has_value());
  Complaints complaints("f.yaml");
  Section section(*root, "a scenario", complaints);
  EXPECT_EQ(section.text("driver"), std::nullopt);
  EXPECT_EQ(section.integer("count"), std::nullopt);
  EXPECT_EQ(section.flag("flag"), std::nullopt);
  section.finish();
  ASSERT_EQ(complaints.lines().size(), 3U);
  EXPECT_EQ(complaints.lines()[2],
            "f.yaml:1: a scenario has no key 'drivr'; did you mean 'driver'?");
}

}  // namespace
}  // namespace gpuward
