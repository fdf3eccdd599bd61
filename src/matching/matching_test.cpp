#include <gtest/gtest.h>

#include "matching/pattern_set.h"

namespace gpuward::matching {
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

TEST(LiteralGate, FindsEachOfManyWhereverItStands) {
  std::vector<std::string> literals;
  for (int i = 2; i < 3002; ++i) {
    literals.push_back("w" + std::to_string(i * 7919) + "zy" +
                       std::string(static_cast<size_t>(i % 5), 'q'));
  }
  const LiteralGate gate(literals);
  for (size_t i = 0; i < literals.size(); ++i) {
    const std::string line = std::string(i % 9, '.') + literals[i];
    EXPECT_EQ(gate.find(line), i % 9) << line;
    const std::string cut = line.substr(0, line.size() - 1 - i % 5);
    EXPECT_EQ(gate.find(cut), std::string_view::npos) << cut;
  }
}

TEST(LiteralGate, OneInTheFirstLineThatHasAny) {
  // The long one is known by a part far behind its beginning.
  const LiteralGate gate({"failed to start the zebra", "quokka"});
  const std::string_view text = "failed to start the zebra\nquokka";
  EXPECT_EQ(gate.find(text), 0u);
  EXPECT_EQ(gate.find(text, 1), 26u);
  EXPECT_EQ(gate.find("quokka\nfailed to start the zebra"), 0u);
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
}  // namespace gpuward::matching
