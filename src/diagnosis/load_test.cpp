#include <gtest/gtest.h>

#include "diagnosis/catalogue.h"

namespace gpuward::diagnosis {
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
      {"{seen: a-line}", "{fact: {key: drvier, is: x}}",
       "a.yaml:9: there is no fact 'drvier'; did you mean 'driver'?"},
      {"{seen: a-line}", "{differs: [library, drvier]}",
       "there is no fact 'drvier'"},
      {"sources: [a document]", "show: [gpuu]", "there is no fact 'gpuu'"},
      {"text: all is well,", "facts: {mgi: 'on'},",
       "a.yaml:15: there is no fact 'mgi'; did you mean 'mig'?"},
      {"gives: nothing", "gives: nothing, first: a-faul",
       "names 'a-faul', which there is not; did you mean 'a-fault'?"},
      {"gives: nothing", "gives: nothing, also: [b]",
       "names 'b', which there is not"},
      {"a-line: 'something broke'",
       "a-line: {pattern: something broke, after: b-line}",
       "a.yaml:6: there is no signature 'b-line'"},
      {"a-line: 'something broke'",
       "a-line: {pattern: something broke, until: [b-line]}",
       "there is no signature 'b-line'; did you mean 'a-line'?"},
      {"{seen: a-line}", "{fact: {key: module, is: opn}}",
       "a.yaml:9: module is one of open, proprietary, not 'opn'; did you mean "
       "'open'?"},
      {"{seen: a-line}", "{fact: {key: secure_boot, one-of: ['on', maybe]}}",
       "secure_boot is one of on, off, not 'maybe'"},
      {"{seen: a-line}", "{fact: {key: uptime_days, is: long}}",
       "uptime_days is a number, not 'long'"},
      {"{seen: a-line}", "{fact: {key: driver, at-least: 570}}",
       "'driver' is not a number"},
      {"text: all is well,", "facts: {module: opn},",
       "a.yaml:15: module is one of open, proprietary"},
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

TEST(Load, AWrongFileOfTheUsersTakesNothingElseAway) {
  const auto right = extend_catalogue({{"mine.yaml", kGood}});
  ASSERT_TRUE(right);
  EXPECT_TRUE(right->left_out.empty());
  EXPECT_NE(right->catalogue.find("a-fault"), nullptr);

  const auto wrong = extend_catalogue(
      {{"broken.yaml", "id: ["},
       {"wrong.yaml", spoiled("severity: fault", "nonsense: 1")},
       {"same.yaml", spoiled("id: a-fault", "id: gpu-missing")}});
  ASSERT_TRUE(wrong);
  EXPECT_NE(wrong->catalogue.find("gpu-missing"), nullptr);
  EXPECT_EQ(wrong->catalogue.find("a-fault"), nullptr);
  ASSERT_EQ(wrong->left_out.size(), 3u);
  EXPECT_EQ(wrong->left_out[0].name, "broken.yaml");
  for (const LeftOutFile& one : wrong->left_out) {
    ASSERT_FALSE(one.mistakes.empty()) << one.name;
    EXPECT_TRUE(one.mistakes[0].starts_with(one.name + ":")) << one.mistakes[0];
  }
}

// What is right by itself and rests on a file that is not goes as well.
TEST(Load, AFileThatNamesWhatWasLeftOutIsLeftOut) {
  const std::string other =
      R"(id: b-fault
title: t
means: m
rules: [{confidence: likely, when: {seen: a-line}}]
remedies: [{id: wait, text: wait}]
sources: [s]
examples:
  - {name: yes, text: something broke, gives: likely}
  - {name: no, text: all is well, gives: nothing}
)";
  const auto both = extend_catalogue({{"a.yaml", kGood}, {"b.yaml", other}});
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->left_out.empty());
  const auto none =
      extend_catalogue({{"a.yaml", spoiled("severity: fault", "nonsense: 1")},
                        {"b.yaml", other}});
  ASSERT_TRUE(none);
  ASSERT_EQ(none->left_out.size(), 2u);
  EXPECT_NE(none->left_out[1].mistakes[0].find("no signature 'a-line'"),
            std::string::npos);
  EXPECT_NE(none->catalogue.find("gpu-missing"), nullptr);
}

TEST(Load, SurvivesNonsense) {
  for (const char* text : {"", "[]", "a", "id: x", "signatures: 3", "rules: {}",
                           "id: {a: b}\nrules: 1\n"}) {
    EXPECT_FALSE(load_catalogue_from({{"x.yaml", text}})) << text;
  }
}

}  // namespace
}  // namespace gpuward::diagnosis
