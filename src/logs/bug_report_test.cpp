// nvidia-bug-report.log: its sections and boots.
#include <gtest/gtest.h>

#include <algorithm>

#include "logs/pile_for_tests.h"

namespace gpuward::logs {
namespace {

using testing::Pile;
using testing::tell;

const std::string kRule = "____________________________________________\n\n";
const std::string kLost =
    "NVRM: Xid (PCI:0000:3b:00): 79, pid=4711, name=python3, GPU has fallen "
    "off the bus.\n";

std::string report(const std::string& now, const std::string& before,
                   const std::string& dmesg) {
  return kRule +
         "Start of NVIDIA bug report log file.  Please include this file, "
         "along\nwith a detailed description of your problem\n\n"
         "nvidia-bug-report.sh Version: 35398177\n\n"
         "Date: Wed Jul 30 21:00:00 UTC 2025\n"
         "uname: Linux gpu-09 5.15.0-105-generic #115-Ubuntu SMP x86_64\n"
         "command line flags: \n\n" +
         kRule + "Scanning kernel log files for NVIDIA kernel messages:\n\n" +
         "  journalctl -b -0:\n" + now + "\n  journalctl -b -1:\n" + before +
         "\n" + kRule + "dmesg:\n\n" + dmesg + "\n" + kRule +
         "End of NVIDIA bug report log file.\n";
}

const Finding* found(const testing::Told& told, std::string_view id) {
  for (const Finding& one : told.diagnoses.begin()->second.findings) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

TEST(BugReport, OneEventInSeveralSectionsCountsOnce) {
  const std::string journal = "Jul 30 20:39:03 gpu-09 kernel: ";
  const std::string stamp = "[341115.123456] ";
  const Pile pile;
  const auto told = tell(
      {pile.write("r", report(journal + kLost + journal + kLost, "",
                              stamp + kLost + stamp + kLost + stamp + kLost))});
  ASSERT_EQ(told.diagnoses.size(), 1u);
  EXPECT_EQ(told.diagnoses.begin()->first, "gpu-09");
  EXPECT_EQ(std::ranges::count_if(told.lines,
                                  [](const auto& one) {
                                    return one.second.text.find("Xid") !=
                                           std::string::npos;
                                  }),
            3);
  const Finding* lost = found(told, "gpu-fallen-off-bus");
  ASSERT_NE(lost, nullptr);
  EXPECT_EQ(lost->severity, Severity::fault);
}

TEST(BugReport, AnEarlierBootIsNotNow) {
  const std::string journal = "Jul 29 20:39:03 gpu-09 kernel: ";
  const std::string well =
      "Jul 30 20:00:00 gpu-09 kernel: NVRM: loading NVIDIA UNIX x86_64 Kernel "
      "Module  535.161.08  Sat\n";
  const Pile pile;
  const auto told = tell({pile.write("r", report(well, journal + kLost, ""))});
  const Finding* lost = found(told, "gpu-fallen-off-bus");
  ASSERT_NE(lost, nullptr);
  EXPECT_EQ(lost->severity, Severity::warning);
  EXPECT_NE(lost->title.find("before the last restart"), std::string::npos);
  EXPECT_EQ(lost->evidence.front().boot, -1);

  const auto again =
      tell({pile.write("r", report("Jul 30 20:39:03 gpu-09 kernel: " + kLost,
                                   journal + kLost, ""))});
  lost = found(again, "gpu-fallen-off-bus");
  ASSERT_NE(lost, nullptr);
  EXPECT_EQ(lost->severity, Severity::fault);
  EXPECT_EQ(to_iso(lost->since.value_or(Wall{})), "2025-07-30T20:39:03.000Z");
}

}  // namespace
}  // namespace gpuward::logs
