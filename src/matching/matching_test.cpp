#include <gtest/gtest.h>

#include "matching/pattern_set.h"

namespace gpuward {
namespace {

TEST(LiteralGate, FindsWhatIsThere) {
  const LiteralGate gate({"NVRM: Xid", "fallen off", "阻塞在"});
  EXPECT_EQ(gate.find("kernel: NVRM: Xid (PCI"), 8u);
  EXPECT_EQ(gate.find("has FALLEN OFF"), 4u);
  EXPECT_EQ(gate.find("Pod 阻塞在 x"), 4u);
  EXPECT_EQ(gate.find("NVRM: Xi"), std::string_view::npos);
  EXPECT_EQ(gate.find(""), std::string_view::npos);
}

TEST(LiteralGate, FindsAtEveryOffset) {
  const LiteralGate gate({"abcde", "zfallen off the bus"});
  for (size_t at = 0; at < 70; ++at) {
    const std::string text = std::string(at, 'a') + "xabcdex";
    EXPECT_EQ(gate.find(text), at + 1) << at;
    EXPECT_EQ(gate.find(text, at + 2), std::string_view::npos);
  }
}

TEST(RequiredLiterals, NamesTheLongest) {
  using List = std::vector<std::string>;
  EXPECT_EQ(required_literals("abc.*defgh"), List{"defgh"});
  EXPECT_EQ(required_literals(R"(NVRM: Xid \(PCI)"), List{"NVRM: Xid (PCI"});
  EXPECT_EQ(required_literals("(?:alpha|beta)x?"), (List{"alpha", "beta"}));
  EXPECT_EQ(required_literals("(?:alpha|.*)x?"), List{});
  EXPECT_EQ(required_literals("colou?r shade"), List{"r shade"});
  EXPECT_EQ(required_literals(R"((?P<gpu>[0-9\]a]+) gone)"), List{" gone"});
  EXPECT_EQ(required_literals("ab{0,2}cdefg"), List{"cdefg"});
  EXPECT_EQ(required_literals("one|two"), (List{"one", "two"}));
}

TEST(PatternSet, RefusesWhatCannotBeGated) {
  EXPECT_FALSE(PatternSet::check({"a+b*", {}}));
  EXPECT_FALSE(PatternSet::check({"abc", {}}));
  EXPECT_FALSE(PatternSet::check({"(unclosed literal", {}}));
  EXPECT_TRUE(PatternSet::check({"a long one", {}}));
}

TEST(PatternSet, MatchesBytesThatAreNotUtf8) {
  const PatternSet set(
      {{R"(Xid \((?P<gpu>[^)]*)\): .*79)", {}}, {"阻塞在.{0,9}Pending", {}}});
  const std::string line = "\xff\xfe Xid (0000:3b:00): \x80 79";
  ASSERT_EQ(set.match(line), std::vector<size_t>{0});
  EXPECT_EQ(set.captures(0, line), (Captures{{"gpu", "0000:3b:00"}}));
  EXPECT_EQ(set.match("偶尔会阻塞在 Pending"), std::vector<size_t>{1});
  EXPECT_TRUE(set.match("nothing here").empty());
}

}  // namespace
}  // namespace gpuward
