#include "base/diff.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "support/temp_tree.h"

namespace gpuward {
namespace {

std::string diff(std::string_view before, std::string_view after) {
  return unified_diff(before, after, "a", "b");
}

TEST(Diff, EqualIsEmpty) { EXPECT_EQ(diff("x\n", "x\n"), ""); }

TEST(Diff, OneLineWithItsContext) {
  EXPECT_EQ(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n"),
            "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n");
}

TEST(Diff, FromAndToNothing) {
  EXPECT_EQ(diff("", "x\ny\n"), "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+x\n+y\n");
  EXPECT_EQ(diff("x\n", ""), "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n");
}

TEST(Diff, AMissingLastNewline) {
  EXPECT_EQ(diff("x", "x\n"),
            "--- a\n+++ b\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n"
            "+x\n");
}

TEST(Diff, FarChangesAreHunksOfTheirOwn) {
  std::string before;
  for (int i = 0; i < 30; ++i) before += std::to_string(i) + "\n";
  std::string after = before;
  after.replace(after.find("\n2\n"), 3, "\nA\n");
  after.replace(after.find("\n25\n"), 4, "\nB\n");
  const std::string text = diff(before, after);
  EXPECT_NE(text.find("@@ -1,6 +1,6 @@"), std::string::npos) << text;
  EXPECT_NE(text.find("@@ -23,7 +23,7 @@"), std::string::npos) << text;
}

TEST(Diff, MuchThatDiffersIsStillBounded) {
  std::string before, after;
  for (int i = 0; i < 5000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  EXPECT_NE(diff(before, after).find("@@ -1,5000 +1,5000 @@"),
            std::string::npos);
}

// What patch(1) makes of it is the new text, for texts of all sorts.
TEST(Diff, PatchUnderstandsIt) {
  if (std::system("command -v patch >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "needs patch";
  }
  std::mt19937 random(7);  // the same texts each time
  for (int round = 0; round < 60; ++round) {
    TempTree tree;
    std::string before, after;
    const auto lines = random() % 40;
    for (unsigned i = 0; i < lines; ++i) {
      const std::string line = std::to_string(random() % 6) + "\n";
      if (random() % 5 != 0) before += line;
      if (random() % 5 != 0) after += line;
    }
    if (round % 3 == 0 && !after.empty()) after.pop_back();
    if (before.empty() || after.empty() || before == after) continue;
    tree.file("/f", before).file("/d", diff(before, after));
    const std::string command = "cd " + tree.path() + " && patch -s f d";
    ASSERT_EQ(std::system(command.c_str()), 0) << diff(before, after);
    std::ifstream file(tree.path() + "/f");
    std::stringstream patched;
    patched << file.rdbuf();
    EXPECT_EQ(patched.str(), after);
  }
}

}  // namespace
}  // namespace gpuward
