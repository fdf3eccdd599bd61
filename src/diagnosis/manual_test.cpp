#include "diagnosis/manual.h"

#include <gtest/gtest.h>

namespace gpuward::diagnosis {
namespace {

Evidence line(std::string file, std::string text) {
  Evidence evidence;
  evidence.source = "log";
  evidence.file = std::move(file);
  evidence.text = std::move(text);
  return evidence;
}

Finding finding(std::string id, std::vector<Evidence> evidence) {
  Finding one;
  one.id = std::move(id);
  one.evidence = std::move(evidence);
  return one;
}

// Words of `many` faults, as a page about them has them.
std::vector<Finding> page(int many) {
  std::vector<Finding> findings;
  for (int i = 0; i < many; ++i) {
    findings.push_back(finding("fault-" + std::to_string(i),
                               {line("page.md", "it says 'it failed'")}));
  }
  return findings;
}

TEST(Manual, ManyFaultsWithoutATimeAreAText) {
  EXPECT_TRUE(manuals_among(page(3)).empty());
  EXPECT_EQ(manuals_among(page(4)), std::set<std::string>{"page.md"});
}

TEST(Manual, WhatHasATimeOrIsTheKernelsOwnMakesNoManual) {
  for (const char* const own : {"[  12.345678] it failed", "NVRM: it failed"}) {
    std::vector<Finding> findings = page(3);
    findings.push_back(finding("other", {line("page.md", own)}));
    EXPECT_TRUE(manuals_among(findings).empty()) << own;
  }
  std::vector<Finding> findings = page(3);
  Evidence timed = line("page.md", "it failed");
  timed.when = Wall{};
  findings.push_back(finding("other", {timed}));
  EXPECT_TRUE(manuals_among(findings).empty());
}

TEST(Manual, OnlyWhatNothingElseSpeaksForRestsOnIt) {
  const std::set<std::string> manuals{"page.md"};
  EXPECT_TRUE(rests_on(manuals, page(1).front()));
  EXPECT_TRUE(rests_on(manuals, finding("x", {line("page.md", "NVRM: x")})));
  EXPECT_FALSE(rests_on(manuals, finding("x", {line("kern.log", "NVRM: x")})));
  EXPECT_FALSE(rests_on(manuals, finding("x", {line("page.md", "it failed"),
                                               line("kern.log", "it did")})));
  EXPECT_FALSE(
      rests_on(manuals, finding("x", {line("page.md", "[ 12.345678] NVRM:")})));
  Evidence probe;
  probe.source = "probe";
  EXPECT_FALSE(rests_on(manuals, finding("x", {line("page.md", "x"), probe})));
  EXPECT_FALSE(rests_on(manuals, finding("x", {})));
}

}  // namespace
}  // namespace gpuward::diagnosis
