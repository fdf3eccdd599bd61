#include "evidence/kmsg_cursor.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

std::vector<std::string> texts(const Result<std::vector<KmsgRecord>>& records) {
  std::vector<std::string> out;
  EXPECT_TRUE(records.has_value());
  if (!records) return out;
  for (const KmsgRecord& record : *records) out.push_back(record.text);
  return out;
}

using Texts = std::vector<std::string>;

struct Machine {
  TempTree tree;
  host::Root root = std::move(*host::Root::open(tree.path()));
  KmsgCursor cursor{root};

  void append(std::string_view text) const {
    std::ofstream(tree.path() + "/dev/kmsg", std::ios::app) << text;
  }
};

TEST(KmsgCursor, GivesEachRecordOnce) {
  Machine machine;
  machine.tree.file("/dev/kmsg", "6,0,1,-;one\n SUBSYSTEM=pci\n6,1,2,-;two\n");
  EXPECT_EQ(texts(machine.cursor.next(9)), (Texts{"one", "two"}));
  EXPECT_EQ(texts(machine.cursor.next(9)), Texts{});
  machine.append("6,2,3,-;three\n");
  EXPECT_EQ(texts(machine.cursor.next(9)), Texts{"three"});
}

TEST(KmsgCursor, WhatIsLeftComesNext) {
  Machine machine;
  machine.tree.file("/dev/kmsg", "6,0,1,-;one\n6,1,2,-;two\n6,2,3,-;three\n");
  EXPECT_EQ(texts(machine.cursor.next(2)), (Texts{"one", "two"}));
  EXPECT_EQ(texts(machine.cursor.next(2)), Texts{"three"});
}

TEST(KmsgCursor, HalfALineWaitsForItsEnd) {
  Machine machine;
  machine.tree.file("/dev/kmsg", "6,0,1,-;one\n6,1,2,-;tw");
  EXPECT_EQ(texts(machine.cursor.next(9)), Texts{"one"});
  machine.append("o\n");
  EXPECT_EQ(texts(machine.cursor.next(9)), Texts{"two"});
}

TEST(KmsgCursor, AShorterFileIsReadFromItsStart) {
  Machine machine;
  machine.tree.file("/dev/kmsg", "6,0,1,-;one\n6,1,2,-;two\nnonsense\n");
  EXPECT_EQ(texts(machine.cursor.next(9)).size(), 2u);
  machine.tree.file("/dev/kmsg", "6,0,1,-;new\n");
  EXPECT_EQ(texts(machine.cursor.next(9)), Texts{"new"});
}

TEST(KmsgCursor, AFileThatComesLaterIsFound) {
  Machine machine;
  EXPECT_FALSE(machine.cursor.next(9).has_value());
  machine.tree.file("/dev/kmsg", "6,0,1,-;one\n");
  EXPECT_EQ(texts(machine.cursor.next(9)), Texts{"one"});
}

}  // namespace
}  // namespace gpuward::evidence
