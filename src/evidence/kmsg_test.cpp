#include "evidence/kmsg.h"

#include <gtest/gtest.h>

namespace gpuward::evidence {
namespace {

TEST(KmsgRecord, Parses) {
  const struct {
    std::string_view record;
    KmsgRecord wanted;
  } kCases[] = {
      {"6,339,5140900,-;NVRM: loading\n", {6, 339, 5140900, "NVRM: loading"}},
      {"4,1,2,c;part", {4, 1, 2, "part"}},
      // Later kernels may add fields; the facility is cut off.
      {"30,7,8,-,caller=T1;systemd[1]: x", {6, 7, 8, "systemd[1]: x"}},
      {"3,0,0,-;a\\x0ab\\x5cx;y", {3, 0, 0, "a\nb\\x;y"}},
      {"3,0,0,-;bad \\xzz \\x4", {3, 0, 0, "bad \\xzz \\x4"}},
      {"6,5,6,-;text\n SUBSYSTEM=pci\n DEVICE=+pci:0000:0f:00.0\n",
       {6, 5, 6, "text"}},
      {"6,5,6,-;", {6, 5, 6, ""}},
  };
  for (const auto& test : kCases) {
    const auto record = parse_kmsg_record(test.record);
    ASSERT_TRUE(record.has_value()) << test.record;
    EXPECT_EQ(*record, test.wanted) << test.record;
  }
}

TEST(KmsgRecord, RefusesNonsense) {
  for (const char* record :
       {"", ";", "6,339;x", "6,x,1,-;x", "6,1,-1,-;x", "a,1,1,-;x", "6,1,1,-",
        "\xff\xfe\x01", "-6,1,1,-;x", "6,99999999999999999999,1,-;x"}) {
    EXPECT_FALSE(parse_kmsg_record(record).has_value()) << record;
  }
}

TEST(KmsgRing, CountsWhatIsMissingAndMalformed) {
  const KmsgRing ring =
      parse_kmsg_file("6,0,1,-;a\n K=v\r\n6,1,2,-;b\r\n\ngarbage\n6,5,3,-;c\n");
  ASSERT_EQ(ring.records.size(), 3u);
  EXPECT_EQ(ring.records[1].text, "b");
  EXPECT_EQ(ring.lost, 3u);
  EXPECT_EQ(ring.malformed, 1);
  EXPECT_FALSE(ring.is_complete());
  EXPECT_TRUE(parse_kmsg_file("6,0,1,-;a\n6,1,2,-;b\n").is_complete());
  EXPECT_FALSE(parse_kmsg_file("6,4,1,-;a\n").is_complete());
  EXPECT_FALSE(parse_kmsg_file("").is_complete());
}

// The ring of the machine that runs the tests, where it may be read.
TEST(KmsgRing, ReadsTheDeviceWithoutWaiting) {
  const auto ring = read_kmsg(*host::Root::open("/"));
  if (!ring) GTEST_SKIP() << ring.error().text;
  EXPECT_EQ(ring->malformed, 0);
  EXPECT_FALSE(ring->cut);
}

}  // namespace
}  // namespace gpuward::evidence
