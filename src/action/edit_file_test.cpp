#include "action/edit_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

const std::string kPath = "/etc/x/file.conf";

class EditFile : public ::testing::Test {
 protected:
  EditFile()
      : host_(
            *host::Host::open({tree_.path(), tree_.path() + "/run/gpuward"})) {
    tree_.directory("/run/gpuward").directory("/etc");
  }
  FileText now() const { return *read_for_edit(host_.evidence, kPath); }
  static Step step(const FileText& before, const FileText& after) {
    return *edit_file_step(kPath, before, after, "test");
  }

  TempTree tree_;
  host::Host host_;
};

TEST_F(EditFile, ChangesOnePlaceAndKeepsTheFormerText) {
  tree_.file(kPath, "a = 1\nb = 2\nc = 3\n");
  const Step edit = step(now(), "a = 1\nb = two\nc = 3\n");
  EXPECT_EQ(edit.arguments["removed"].as_string(), "2");
  EXPECT_EQ(edit.arguments["inserted"].as_string(), "two");
  const auto checked = edit_file::check(host_, edit);
  ASSERT_TRUE(checked.has_value());
  EXPECT_FALSE(checked->already);
  EXPECT_FALSE(edit_file::verify(host_, edit).has_value());
  // Twice: the second finds it done.
  ASSERT_TRUE(edit_file::run(host_, edit).has_value());
  ASSERT_TRUE(edit_file::run(host_, edit).has_value());
  EXPECT_TRUE(edit_file::verify(host_, edit).has_value());
  EXPECT_EQ(now(), "a = 1\nb = two\nc = 3\n");
  EXPECT_TRUE(edit_file::check(host_, edit)->already);

  const std::string backup(checked->undo["backup"].as_string());
  EXPECT_EQ(host_.self.read(backup).value_or("-"), "a = 1\nb = 2\nc = 3\n");
  struct stat status {};
  ASSERT_EQ(::stat(backup.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  ASSERT_TRUE(edit_file::undo(host_, edit, checked->undo).has_value());
  ASSERT_TRUE(edit_file::undo(host_, edit, checked->undo).has_value());
  EXPECT_EQ(now(), "a = 1\nb = 2\nc = 3\n");
}

TEST_F(EditFile, MakesAndRemovesAFile) {
  const Step make = step(std::nullopt, "new\n");
  ASSERT_TRUE(edit_file::check(host_, make).has_value());
  ASSERT_TRUE(edit_file::run(host_, make).has_value());
  EXPECT_EQ(now(), "new\n");
  const Step remove = step(now(), std::nullopt);
  ASSERT_TRUE(edit_file::run(host_, remove).has_value());
  EXPECT_TRUE(edit_file::verify(host_, remove).has_value());
  EXPECT_EQ(now(), std::nullopt);
  ASSERT_TRUE(edit_file::undo(host_, remove, {}).has_value());
  EXPECT_EQ(now(), "new\n");
  ASSERT_TRUE(edit_file::undo(host_, make, {}).has_value());
  EXPECT_EQ(now(), std::nullopt);
}

TEST_F(EditFile, AnEmptyFileIsNotNoFile) {
  tree_.file(kPath, "");
  const Step remove = step(now(), std::nullopt);
  ASSERT_TRUE(edit_file::run(host_, remove).has_value());
  EXPECT_EQ(now(), std::nullopt);
  ASSERT_TRUE(edit_file::undo(host_, remove, {}).has_value());
  EXPECT_EQ(now(), "");
}

TEST_F(EditFile, WhatSomebodyChangedIsNotTouched) {
  tree_.file(kPath, "a\n");
  const Step edit = step(now(), "b\n");
  tree_.file(kPath, "a\nmine\n");
  EXPECT_FALSE(edit_file::check(host_, edit).has_value());
  EXPECT_FALSE(edit_file::run(host_, edit).has_value());
  EXPECT_FALSE(edit_file::undo(host_, edit, {}).has_value());
  EXPECT_EQ(now(), "a\nmine\n");
}

TEST_F(EditFile, LinksAndNonsenseAreRefused) {
  tree_.file("/etc/other", "x").link(kPath, "/etc/other");
  EXPECT_FALSE(read_for_edit(host_.evidence, kPath).has_value());
  Step edit = step("x", "y");
  EXPECT_FALSE(edit_file::check(host_, edit).has_value());
  edit.arguments.set("at", -1);
  EXPECT_EQ(edit_file::check(host_, edit).error().kind, Error::Kind::malformed);
  EXPECT_FALSE(edit_file_step(kPath, "a", "\xff\xfe", "x").has_value());
  EXPECT_FALSE(
      edit_file_step(kPath, "a", std::string(100000, 'b'), "x").has_value());
}

TEST_F(EditFile, IsAnActionOfOurs) {
  EXPECT_NE(find_action("edit-file"), nullptr);
}

}  // namespace
}  // namespace gpuward::action
