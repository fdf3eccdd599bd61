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

// Nine to the power of twelve words in half a kilobyte.
TEST(Yaml, AliasesOfAliasesAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    const std::string name = "a" + std::to_string(i);
    text += name + ": &" + name + " [" + last;
    for (int j = 1; j < 9; ++j) text += ", " + last;
    text += "]\n";
  }
  const auto root = parse_yaml(text, "f.yaml");
  ASSERT_FALSE(root.has_value());
  EXPECT_NE(root.error().text.find("aliases"), std::string::npos);
  EXPECT_TRUE(parse_yaml("a: &a [x, y]\nb: *a\n", "f.yaml").has_value());
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
