#include "logs/line_head.h"

#include <gtest/gtest.h>

namespace gpuward::logs {
namespace {

YearHint latest(std::string_view iso) {
  YearHint hint;
  hint.latest = *from_iso(iso);
  return hint;
}

std::string time_of(std::string_view line, const YearHint& hint) {
  const auto when = line_head(line, hint).when;
  return when ? to_iso(*when) : "none";
}

TEST(LineHead, EveryFormOfTime) {
  const YearHint hint = latest("2026-01-15T12:00:00Z");
  const std::pair<const char*, const char*> kTable[] = {
      {"Jan  9 02:11:10 node kernel: x", "2026-01-09T02:11:10.000Z"},
      {"Jul 30 19:46:12 node kernel: x", "2025-07-30T19:46:12.000Z"},
      {"Jul 30 19:46:12.123456 node kernel: x", "2025-07-30T19:46:12.123Z"},
      {"Jul 30 2024 19:46:12 node kernel: x", "2024-07-30T19:46:12.000Z"},
      {"67035 Jul 30 19:46:12 node kernel: x", "2025-07-30T19:46:12.000Z"},
      {"kern.log:Jul 30 19:46:12 node kernel: x", "2025-07-30T19:46:12.000Z"},
      {"I0730 20:39:03.752764 45878 x", "2025-07-30T20:39:03.752Z"},
      {"Feb 29 01:00:00 node kernel: x", "2024-02-29T01:00:00.000Z"},
      {"2026-01-10T01:02:03Z node x", "2026-01-10T01:02:03.000Z"},
      {"2026-01-10 01:02:03 node x", "2026-01-10T01:02:03.000Z"},
      {"2026/01/10 01:02:03 Loading NVML", "2026-01-10T01:02:03.000Z"},
      {"2026-01-10T01:02:03+0200 node kernel: x", "2026-01-09T23:02:03.000Z"},
      {"2026-01-10T01:02:03.5-07:00 node kernel: x",
       "2026-01-10T08:02:03.500Z"},
      {"2026-01-10 01:02:03.5 +0000 UTC x", "2026-01-10T01:02:03.500Z"},
      {"2026-01-10T01:02:03,752764+01:00 NVRM: x", "2026-01-10T00:02:03.752Z"},
      {"[Sat Jan 10 01:02:03 2026] NVRM: x", "2026-01-10T01:02:03.000Z"},
      {"Sat 2026-01-10 01:02:03 UTC node kernel: x",
       "2026-01-10T01:02:03.000Z"},
      {"1768006923.250000 node kernel: x", "2026-01-10T01:02:03.250Z"},
      {"time=\"2026-01-10T01:02:03.25Z\" level=error",
       "2026-01-10T01:02:03.250Z"},
      {"[Jan 10 2026 01:02:03] [ERROR] [tid 1] x", "2026-01-10T01:02:03.000Z"},
  };
  for (const auto& [line, wanted] : kTable) {
    EXPECT_EQ(time_of(line, hint), wanted) << line;
  }
  for (const char* line :
       {"", "[434189.944726] XFS", "Jul 40 19:46:12 node kernel: x",
        "Feb 30 19:46:12 node kernel: x", "I9930 20:39:03.7 x",
        "2026-13-10T01:02:03Z x", "2026-01-10 25:02:03 x"}) {
    EXPECT_EQ(time_of(line, hint), "none") << line;
  }
}

TEST(LineHead, AMissingYearIsThatOfANeighbour) {
  YearHint hint = latest("2026-01-15T12:00:00Z");
  hint.neighbour = *from_iso("2023-12-31T23:59:00Z");
  EXPECT_EQ(time_of("Dec 31 23:59:30 n kernel: x", hint),
            "2023-12-31T23:59:30.000Z");
  EXPECT_EQ(time_of("Jan  1 00:00:30 n kernel: x", hint),
            "2024-01-01T00:00:30.000Z");
}

TEST(LineHead, HostsAndSources) {
  struct Row {
    const char *line, *host, *source;
  };
  constexpr Row kTable[] = {
      {"Jul 30 19:46:12 n1 kernel: [1.000000] x", "n1", "kernel-log"},
      {"Jul 30 19:46:12 n1 kubelet[45878]: I0730 x", "n1", "kubelet-log"},
      {"Jul 30 19:46:12 n1 systemd[1]: Reloading.", "n1", "systemd-log"},
      {"Jul 30 19:46:12 kernel: x", "", "kernel-log"},
      {"2026-01-10T01:02:03+0000 n1 kernel: x", "n1", "kernel-log"},
      {"2026-01-10T01:02:03Z INFO main: x", "", "log"},
      {"[  12.345678] n1 kernel: x", "n1", "kernel-log"},
      {"[434189.944726] XFS (dm-3): x", "", "kernel-log"},
      {"[434189.944726][ T1234] XFS (dm-3): x", "", "kernel-log"},
      {"[434189.944726] systemd[1]: Reloading.", "", "systemd-log"},
      {"[Sat Jan 10 01:02:03 2026] NVRM: x", "", "kernel-log"},
      {"Jul 30 n kubelet[45878]: I0730", "", "kubelet-log"},
      {"NVRM: x", "", "kernel-log"},
      {"[INFO] a tuner", "", "log"},
      {"", "", "log"},
  };
  for (const auto& [line, host, source] : kTable) {
    const LineHead head = line_head(line, latest("2026-01-15T12:00:00Z"));
    EXPECT_EQ(head.host, host) << line;
    EXPECT_EQ(head.source, source) << line;
  }
}

TEST(LineHead, OneNameForOneMachine) {
  EXPECT_EQ(host_name("GPU-07.example.com"), "gpu-07");
  EXPECT_EQ(host_name("10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(host_name("localhost"), "");
}

}  // namespace
}  // namespace gpuward::logs
