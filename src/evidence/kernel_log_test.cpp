#include "evidence/kernel_log.h"

#include <gtest/gtest.h>

#include "evidence/journal.h"
#include "evidence/kubelet_log.h"
#include "evidence/log_file.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

host::Host host_of(const TempTree& tree) {
  auto host = host::Host::open({tree.path(), tree.path() + "/run"});
  EXPECT_TRUE(host.has_value());
  return std::move(*host);
}

TEST(KernelLog, LinesCarryTextAndTime) {
  TempTree tree;
  tree.file("/dev/kmsg",
            "5,0,0,-;Linux version 6.6.0\n"
            "3,1,5000000,-;NVRM: Xid (PCI:0000:0f:00): 79\n");
  tree.file("/proc/uptime", "1000.00 1.0\n");
  const Collected got = collect_kernel_log(host_of(tree));
  ASSERT_EQ(got.evidence.size(), 2u);
  EXPECT_TRUE(got.gaps.empty());
  const Evidence& line = got.evidence[1];
  EXPECT_EQ(line.source, "kernel-log");
  EXPECT_TRUE(line.key.empty());
  EXPECT_EQ(line.text, "NVRM: Xid (PCI:0000:0f:00): 79");
  ASSERT_TRUE(line.when.has_value());
  const auto age = wall_now() - *line.when;
  EXPECT_GE(age, 994s);
  EXPECT_LE(age, 1000s);
}

TEST(KernelLog, SaysThatTheRingLostItsBeginning) {
  TempTree tree;
  tree.file("/dev/kmsg", "5,900,7000000,-;NVRM: x\n");
  const Collected got = collect_kernel_log(host_of(tree));
  ASSERT_EQ(got.gaps.size(), 1u);
  EXPECT_EQ(got.gaps[0].why,
            "the first 900 messages have left the kernel's ring");
  EXPECT_FALSE(got.evidence[0].when.has_value());  // no /proc/uptime
}

TEST(KernelLog, FindsTheLostBeginningInAFileOfThisBoot) {
  TempTree tree;
  tree.file("/dev/kmsg", "5,900,7000000,-;NVRM: new\n");
  tree.file("/var/log/kern.log",
            "Jan  1 00:00:00 h kernel: [ 9.000000] NVRM: last boot\n"
            "Jan  2 00:00:00 h kernel: [ 0.000000] Linux version 6.6.0\n"
            "Jan  2 00:00:03 h kernel: [ 3.000001] NVRM: old\r\n"
            "Jan  2 00:00:04 h sshd[1]: NVRM: not the kernel's\n"
            "Jan  2 00:00:07 h kernel: [ 7.000000] NVRM: new\n");
  const Collected got = collect_kernel_log(host_of(tree));
  ASSERT_EQ(got.evidence.size(), 3u);
  EXPECT_EQ(got.evidence[1].text, "NVRM: old");
  EXPECT_EQ(got.evidence[1].line, 3);
  EXPECT_EQ(got.evidence[2].text, "NVRM: new");
  EXPECT_TRUE(got.gaps.empty());
}

TEST(KernelLog, NoLogAtAllIsAGap) {
  TempTree tree;
  const Collected got = collect_kernel_log(host_of(tree));
  EXPECT_TRUE(got.evidence.empty());
  EXPECT_EQ(got.gaps.size(), 1u);
}

TEST(KernelLine, Parses) {
  const auto line =
      parse_kernel_line("2026-01-01T00:00:00Z host kernel: [  12.5] a] b");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->text, "a] b");
  EXPECT_EQ(parse_kernel_line("x kernel: plain [1] x")->text, "plain [1] x");
  EXPECT_FALSE(parse_kernel_line("x kubelet: y").has_value());
}

TEST(LogFile, ReadsTheEndOfABigFile) {
  TempTree tree;
  tree.file("/log", "first line\nsecond\nthird\n");
  const auto root = host::Root::open(tree.path());
  const auto whole = read_tail(*root, "/log", 1000);
  ASSERT_EQ(whole->size(), 3u);
  EXPECT_EQ((*whole)[2].line, 3);
  const auto tail = read_tail(*root, "/log", 9);
  ASSERT_EQ(tail->size(), 1u);
  EXPECT_EQ((*tail)[0].text, "third");
  EXPECT_EQ((*tail)[0].line, 0);
  EXPECT_FALSE(read_tail(*root, "/none", 9).has_value());
}

TEST(Journal, AbsentOrBrokenIsNoCrash) {
  TempTree tree;
  const auto root = host::Root::open(tree.path());
  JournalQuery query;
  query.boot_id = "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f";
  query.matches = {"_TRANSPORT=kernel"};
  const auto none = read_journal(*root, query);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind, Error::Kind::not_found);
  tree.file("/var/log/journal/x/system.journal", std::string(5000, 'x'));
  const auto broken = read_journal(*root, query);
  if (broken) {
    EXPECT_TRUE(broken->lines.empty());
  }
}

TEST(KubeletLog, ComesFromTheFile) {
  TempTree tree;
  EXPECT_TRUE(collect_kubelet_log(host_of(tree)).evidence.empty());
  tree.file("/var/log/kubelet.log", "I0125 04:11:10.999 manager.go:1] x\n");
  const Collected got = collect_kubelet_log(host_of(tree));
  ASSERT_EQ(got.evidence.size(), 1u);
  EXPECT_EQ(got.evidence[0].source, "kubelet-log");
  EXPECT_EQ(got.evidence[0].line, 1);
}

}  // namespace
}  // namespace gpuward::evidence
