#include <gtest/gtest.h>

#include "diagnosis/catalogue.h"

namespace gpuward {
namespace {

// An entry that is right; the tests spoil one thing each.
const std::string kGood = R"(id: a-fault
title: a title
means: what it means
severity: fault
signatures:
  a-line: 'something broke'
rules:
  - confidence: likely
    when: {seen: a-line}
remedies:
  - {id: wait, text: wait}
sources: [a document]
examples:
  - {name: yes, text: something broke, gives: likely}
  - {name: no, text: all is well, gives: nothing}
)";

std::string spoiled(std::string_view what, std::string_view by) {
  std::string text = kGood;
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

std::string complaint(const std::string& text) {
  const auto catalogue = load_catalogue_from({{"a.yaml", text}});
  return catalogue ? "none" : catalogue.error().text;
}

TEST(Load, AcceptsAGoodEntry) { EXPECT_EQ(complaint(kGood), "none"); }

TEST(Load, NamesFileLineAndSuggestion) {
  const std::tuple<const char*, const char*, const char*> kTable[] = {
      {"severity: fault", "severitty: fault", "a.yaml:4: "},
      {"severity: fault", "severitty: fault", "'severity'"},
      {"severity: fault", "severity: fatal", "'severity' must be one of"},
      {"confidence: likely", "confidence: likly", "did you mean 'likely'?"},
      {"{seen: a-line}", "{seen: a-lime}",
       "a.yaml:9: there is no signature 'a-lime'; did you mean 'a-line'?"},
      {"{seen: a-line}", "{sen: a-line}", "did you mean 'seen'?"},
      {"{seen: a-line}", "a-line", "a condition is a map with one key"},
      {"{seen: a-line}", "{driver: hit}", "affected or fixed"},
      {"'something broke'", "'a+'", "a.yaml:6: 'a+' has no literal"},
      {"'something broke'", "'(broke'", "is not a regular expression"},
      {"gives: nothing", "gives: likely", "the negative is missing"},
      {"text: something broke, gives: likely", "text: x, gives: nothing",
       "the positive is missing"},
      {"gives: nothing", "gives: perhaps", "'gives' must be"},
      {"sources: [a document]", "means: x", "stands twice"},
      {"sources: [a document]", "explains: [{id: b}]",
       "explains 'b', which there is not"},
      {"sources: [a document]", "xids: [x]", "xids are numbers"},
      {"sources: [a document]", "drivers: [{branch: 570, from: 575.1}]",
       "a version outside branch 570"},
  };
  for (const auto& [what, by, wanted] : kTable) {
    const std::string text = complaint(spoiled(what, by));
    EXPECT_NE(text.find(wanted), std::string::npos) << by << "\n" << text;
  }
}

TEST(Load, ReportsEveryMistakeAtOnce) {
  const std::string text = spoiled("severity: fault", "nonsense: 1");
  const auto catalogue = load_catalogue_from(
      {{"a.yaml", text}, {"b.yaml", "id: ["}, {"c.yaml", kGood}});
  ASSERT_FALSE(catalogue);
  const std::string& all = catalogue.error().text;
  EXPECT_NE(all.find("a.yaml:4: "), std::string::npos) << all;
  EXPECT_NE(all.find("b.yaml:"), std::string::npos) << all;
  EXPECT_NE(all.find("c.yaml:6: there already is a signature"),
            std::string::npos)
      << all;
}

TEST(Load, UserFilesOnlyAdd) {
  EXPECT_TRUE(load_catalogue({{"mine.yaml", kGood}}));
  std::string same = spoiled("id: a-fault", "id: gpu-missing");
  const auto twice = load_catalogue({{"mine.yaml", same}});
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().text.find("there already is a fault 'gpu-missing'"),
            std::string::npos);
}

TEST(Load, SurvivesNonsense) {
  for (const char* text : {"", "[]", "a", "id: x", "signatures: 3", "rules: {}",
                           "id: {a: b}\nrules: 1\n"}) {
    EXPECT_FALSE(load_catalogue_from({{"x.yaml", text}})) << text;
  }
}

}  // namespace
}  // namespace gpuward
