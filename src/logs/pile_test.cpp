// Several logs at once: their order, their machines; and what must not change
// what is found first.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/text.h"
#include "logs/pile_for_tests.h"

namespace gpuward::logs {
namespace {

using testing::first_finding;
using testing::Pile;
using testing::tell;

constexpr const char* kXid79 =
    "NVRM: Xid (PCI:0000:3b:00): 79, pid=1, name=x, GPU has fallen off the "
    "bus.\n";

TEST(Pile, LinesOfSeveralFilesAreMergedInTime) {
  const Pile pile;
  const std::vector<std::string> paths = {
      pile.write("b",
                 "Jul 30 20:39:05 n kernel: NVRM: Xid (PCI:0000:3b:00): "
                 "45, third\n"
                 "Jul 30 20:39:07 n kernel: NVRM: Xid (PCI:0000:3b:00): "
                 "45, fifth\n"),
      pile.write("a",
                 "2026-02-28T00:00:00Z n kernel: nothing\n"
                 "2025-07-30T20:39:04Z n kernel: NVRM: Xid "
                 "(PCI:0000:3b:00): 79, second\n"
                 "NVRM: Xid (PCI:0000:3b:00): 45, stays behind it\n"
                 "2025-07-30T22:39:06+02:00 n kernel: NVRM: Xid "
                 "(PCI:0000:3b:00): 45, fourth\n"),
      pile.write("c", "[12.345678] NVRM: Xid (PCI:0000:3b:00): 62, first\n")};
  const auto told = tell(paths);
  std::string order;
  for (const auto& [machine, line] : told.lines) {
    EXPECT_EQ(machine, "n") << line.text;
    order += line.text.substr(line.text.rfind(", ") + 2) + ";";
  }
  EXPECT_EQ(order, "first;second;stays behind it;third;fourth;fifth;");
}

TEST(Pile, MachinesAreToldApart) {
  const Pile pile;
  const std::string sick =
      std::string("Jul 30 20:39:05 gpu-1.example.com kernel: ") + kXid79;
  const std::string well =
      "Jul 30 20:39:05 gpu-2 kernel: NVRM: loading NVIDIA UNIX x86_64 Kernel "
      "Module  535.161.08  Mon\n";
  pile.write("one/kern.log", sick);
  pile.write("one/nvidia-smi.txt",
             "| NVIDIA-SMI 570.158.01   Driver Version: 570.158.01   CUDA |\n");
  pile.write("two/kern.log", well);
  for (const auto& told :
       {tell({pile.folder()}), tell({pile.write("all.log", sick + well)})}) {
    ASSERT_EQ(told.diagnoses.size(), 2u);
    ASSERT_FALSE(told.diagnoses.at("gpu-1").findings.empty());
    EXPECT_EQ(told.diagnoses.at("gpu-1").findings.front().id,
              "gpu-fallen-off-bus");
    EXPECT_TRUE(told.diagnoses.at("gpu-2").findings.empty());
  }
  // The table lies in the folder of the first one.
  for (const auto& [machine, line] : tell({pile.folder()}).lines) {
    if (!line.file.ends_with("nvidia-smi.txt")) continue;
    EXPECT_EQ(machine, "gpu-1");
  }
}

TEST(Pile, AFloodIsCountedAndItsLastLineKept) {
  std::string log;
  for (int i = 0; i < 5000; ++i) {
    log += "[" + std::to_string(100000 + i) +
           ".000000] NVRM: Xid (PCI:0000:"
           "3b:00): 79, pid=" +
           std::to_string(10000 + i) + ", name=x\n";
  }
  const Pile pile;
  const auto told = tell({pile.write("log", log)});
  EXPECT_LT(told.lines.size(), 100u);
  int64_t times = 0;
  for (const auto& [machine, line] : told.lines) times += line.times;
  EXPECT_EQ(times, 5000);
  EXPECT_NE(told.lines.back().second.text.find("pid=14999"), std::string::npos);
  EXPECT_EQ(told.lines.back().second.line, 5000);
}

TEST(Pile, OneEventInSeveralFilesCountsOnce) {
  const Pile pile;
  const std::string stamp = "2025-07-30T20:39:05Z n kernel: ";
  pile.write("kern.log", stamp + "[ 12.345678] " + kXid79 + stamp +
                             "[ 12.345679] " + kXid79);
  pile.write("syslog", "Jul 30 20:39:05 n kernel: " + std::string(kXid79) +
                           "Jul 30 20:39:06 n kernel: " + kXid79);
  pile.write("other", "2025-07-30T20:39:05Z m kernel: " + std::string(kXid79));
  int of_n = 0;
  for (const auto& [machine, line] : tell({pile.folder()}).lines) {
    of_n += machine == "n" ? 1 : 0;
  }
  EXPECT_EQ(of_n, 3);
}

TEST(Pile, NothingToReadIsSaid) {
  const Pile pile;
  const auto told = tell({pile.folder()});
  ASSERT_EQ(told.gaps.size(), 1u);
  EXPECT_NE(told.gaps[0].why.find("no files"), std::string::npos);
  LogReader reader({}, [](size_t, const Evidence&) {});
  const auto kernels_own = reader.read("/proc/self", {});
  ASSERT_FALSE(kernels_own);
  EXPECT_EQ(kernels_own.error().kind, Error::Kind::may_block);
}

// What follows is said of every kind of pile that is made of a log with a
// known root.
struct Story {
  const char* root;
  std::vector<std::string> lines;  // kernel messages, in order
};

const std::vector<Story>& stories() {
  static const std::vector<Story> kStories = {
      {"gpu-fallen-off-bus",
       {"NVRM: Xid (PCI:0000:3b:00): 79, pid=1, name=x, GPU has fallen off the "
        "bus.",
        "NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.",
        "NVRM: Xid (PCI:0000:3b:00): 45, pid=1, name=x, Ch 00000008"}},
      {"gsp-rpc-timeout",
       {"NVRM: Xid (PCI:0000:3b:00): 119, pid=7, name=nvidia-smi, Timeout "
        "after "
        "6s of waiting for RPC response from GPU0 GSP! Expected function 76 "
        "(GSP_RM_CONTROL) (0x20800a4c 0x4).",
        "NVRM: Xid (PCI:0000:3b:00): 45, pid=1, name=x, Ch 00000008"}},
  };
  return kStories;
}

std::string unrelated(std::mt19937& dice) {
  static const std::string kLines[] = {
      "eth0: renamed from veth12",
      "XFS (dm-3): Ending clean mount",
      "nfs: server 10.0.0.1 not responding, timed out",
      "EXT4-fs (nvme0n1p2): mounted filesystem with ordered data mode.",
      "audit: type=1400 audit(1.2:3): apparmor=\"STATUS\"",
      "mlx5_core 0000:99:00.0: Port module event: module 0, Cable plugged",
      "python3[12]: segfault at 0 ip 0 sp 0 error 4 in libc.so.6[0+1]",
  };
  return kLines[dice() % std::size(kLines)];
}

// The story as a log, a second from line to line.
std::string told_as(const std::vector<std::string>& lines, int second,
                    const std::string& zone, const std::string& prefix) {
  std::string log;
  for (const std::string& line : lines) {
    char stamp[64];
    std::snprintf(stamp, sizeof(stamp), "2025-07-30T%02d:%02d:%02d%s",
                  second / 3600 % 24, second / 60 % 60, second % 60,
                  zone.c_str());
    log += stamp + prefix + line + "\n";
    ++second;
  }
  return log;
}

TEST(Property, UnrelatedLinesAndRepeatsChangeNothing) {
  std::mt19937 dice(7);
  for (const Story& story : stories()) {
    for (int round = 0; round < 20; ++round) {
      std::vector<std::string> lines;
      for (const std::string& line : story.lines) {
        for (size_t i = dice() % 30; i > 0; --i) {
          lines.push_back(unrelated(dice));
        }
        for (size_t i = dice() % 4; i > 0; --i) lines.push_back(line);
        lines.push_back(line);
      }
      const Pile pile;
      EXPECT_EQ(first_finding(
                    {pile.write("log", told_as(lines, 1, "Z", " n kernel: "))}),
                story.root);
    }
  }
}

TEST(Property, PrefixesAndZonesChangeNothing) {
  for (const Story& story : stories()) {
    for (const char* zone : {"Z", "+0200", "-07:00", "+05:30", ".5Z"}) {
      for (const char* prefix : {" n kernel: ", " n kernel: [123456.123456] ",
                                 " host-9.cloud kernel: [ T12] "}) {
        const Pile pile;
        EXPECT_EQ(first_finding({pile.write(
                      "log", told_as(story.lines, 1, zone, prefix))}),
                  story.root)
            << zone << prefix;
      }
    }
  }
}

TEST(Property, CarriersChangeNothing) {
  const std::pair<const char*, const char*> kCarriers[] = {
      {"gpu-07: ", ""},
      {"gpu-07: [123456.123456] ", ""},
      {"watch_1  | [123456.123456] ", ""},
      {"[pod/x-abc12/y] 2025-07-30T20:39:03.1Z [123456.123456] ", ""},
      {"&lt;3&gt;[123456.123456] ", "<br/>"},
      {"[  +0.000012] ", ""},
      {"```\n[123456.123456] ", "\n```"},
      {"| kernel | `", "` |"},
      {R"({"hostname":"gpu-07","message":")", "\"}"},
      {R"({"kubernetes":{"host":"gpu-07"},"log":")", "\\n\"}"},
      {R"("1753907943000","gpu-07",")", "\""},
      {"\x1b[31m[123456.123456]\x1b[0m ", "\r"},
      {"50%\r100%\r[123456.123456] ", ""},
  };
  for (const Story& story : stories()) {
    for (const auto& [before, after] : kCarriers) {
      std::string log;
      for (const std::string& line : story.lines) {
        log += before + line + after + "\n";
      }
      const Pile pile;
      EXPECT_EQ(first_finding({pile.write("log", log)}), story.root) << before;
    }
  }
}

// `message` as the kernel says it, cut at `width` wherever that is.
std::string cut_at(size_t width, const std::string& message,
                   const std::string& margin) {
  std::string out;
  std::string line = "[123456.123456] " + message;
  if (margin.starts_with('>')) line = "> " + line;
  for (; line.size() > width; line = margin + line.substr(width)) {
    out += line.substr(0, width) + "\n";
  }
  return out + line + "\n";
}

TEST(Property, WrappingChangesNothing) {
  for (const Story& story : stories()) {
    for (size_t width = 72; width <= 120; width += 3) {
      for (const char* margin : {"", "    ", "> ", ">     "}) {
        std::string log;
        for (const std::string& line : story.lines) {
          log += cut_at(width, line, margin);
        }
        const Pile pile;
        const auto told = tell({pile.write("log", log)});
        ASSERT_EQ(told.diagnoses.size(), 1u);
        const auto& findings = told.diagnoses.begin()->second.findings;
        ASSERT_FALSE(findings.empty()) << log;
        EXPECT_EQ(findings.front().id, story.root) << log;
        EXPECT_EQ(findings.front().subject.name, "0000:3b:00.0") << log;
      }
    }
  }
}

TEST(Property, TheOrderOfFilesAndTheirZonesChangeNothing) {
  std::mt19937 dice(7);
  for (const Story& story : stories()) {
    for (int round = 0; round < 12; ++round) {
      const Pile pile;
      std::vector<std::string> paths;
      for (size_t i = 0; i < story.lines.size(); ++i) {
        const bool east = dice() % 2 == 0;
        paths.push_back(
            pile.write(std::to_string(i),
                       told_as({story.lines[i]},
                               4000 + static_cast<int>(i) + (east ? 7200 : 0),
                               east ? "+02:00" : "Z", " n kernel: ")));
      }
      paths.push_back(pile.write(
          "other",
          told_as({unrelated(dice), unrelated(dice)}, 5, "Z", " n kernel: ")));
      std::ranges::shuffle(paths, dice);
      EXPECT_EQ(first_finding(paths), story.root);
      std::vector<std::pair<std::string, std::string>> members;
      for (size_t i = 0; i < story.lines.size(); ++i) {
        members.emplace_back(
            "m" + std::to_string(i),
            told_as({story.lines[i]}, 4000 + static_cast<int>(i), "Z",
                    " n kernel: "));
      }
      std::ranges::shuffle(members, dice);
      EXPECT_EQ(first_finding({pile.write("t", testing::tarred(members))}),
                story.root);
    }
  }
}

TEST(Property, CuttingAroundTheEvidenceChangesNothing) {
  std::mt19937 dice(7);
  for (const Story& story : stories()) {
    std::vector<std::string> before;
    std::vector<std::string> after;
    for (int i = 0; i < 20; ++i) before.push_back(unrelated(dice));
    for (int i = 0; i < 20; ++i) after.push_back(unrelated(dice));
    const std::string head = told_as(before, 1, "Z", " n kernel: ");
    const std::string core = told_as(story.lines, 100, "Z", " n kernel: ");
    const std::string tail = told_as(after, 200, "Z", " n kernel: ");
    for (size_t cut = 0; cut < head.size(); cut += 97) {
      const Pile pile;
      EXPECT_EQ(
          first_finding({pile.write(
              "log", head.substr(cut) + core +
                         tail.substr(0, tail.size() - cut % tail.size()))}),
          story.root)
          << cut;
    }
  }
}

}  // namespace
}  // namespace gpuward::logs
