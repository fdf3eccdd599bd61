#include "evidence/text/extract.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "evidence/text/given.h"
#include "evidence/text/timestamp.h"

namespace gpuward {
namespace {

// The value of `key` in `text`; "none" where there is none.
std::string fact(std::string_view text, std::string_view key) {
  Extractor extractor;
  int64_t number = 0;
  for (const auto line : split(text, '\n')) {
    extractor.line(line, "file", ++number);
  }
  for (const Evidence& one : extractor.facts()) {
    if (one.key == key) return to_text(one.value);
  }
  return "none";
}

TEST(Extract, EveryPatternCanBeGated) {
  const Extractor extractor;
  for (const std::string& literal : extractor.literals()) {
    EXPECT_GE(literal.size(), LiteralGate::kShortest) << literal;
  }
}

TEST(Extract, FindsFactsInOutputAndProse) {
  const std::tuple<const char*, const char*, const char*> kTable[] = {
      {"| NVIDIA-SMI 570.158.01   Driver Version: 570.158.01   CUDA |",
       "driver", "570.158.01"},
      {"Driver Version                            : 535.274.02", "driver",
       "535.274.02"},
      {"NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.161.08  Mon",
       "driver", "535.161.08"},
      {"NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.161.08  Mon",
       "module", "proprietary"},
      {"NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  R",
       "module", "open"},
      {"NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  R",
       "driver", "570.133.20"},
      {"发现驱动版本是570.158.01", "driver", "570.158.01"},
      {"升级到最新570.172.08驱动", "driver", "none"},
      {"please upgrade to 570.172.08 soon", "driver", "none"},
      {"ドライバ: Open GPU Kernel Modules 570.133.20 (OpenRM)", "driver",
       "570.133.20"},
      {"GPU 0: NVIDIA H20 (UUID: GPU-2f815c32)", "gpu", "NVIDIA H20"},
      {"GPU 0: NVIDIA H20 (UUID: GPU-2f815c32)", "mig", "none"},
      {" 19:45:01 up 66 days,  1:02,  3 users", "uptime_days", "66"},
      {"~66 days 12 hours uptime", "uptime_days", "66"},
      {"    Persistence Mode                      : Disabled", "persistence",
       "off"},
      {"# Persistence Mode : Enabled", "persistence", "none"},
      {"runc version 1.1.5", "runc", "1.1.5"},
      {" Cgroup Driver: systemd", "cgroup_driver", "systemd"},
      {" Cgroup Version: 2", "cgroup", "v2"},
      {"Server Version: v1.27.5", "kubernetes", "1.27.5"},
      {"systemd 252 (252.22-1~deb12u1)", "systemd", "252"},
      {"Docker version 24.0.7, build afdd53b", "docker", "24.0.7"},
  };
  for (const auto& [text, key, wanted] : kTable) {
    EXPECT_EQ(fact(text, key), wanted) << text;
  }
}

TEST(Extract, TheInstalledDriverBeatsTheRecommendedOne) {
  EXPECT_EQ(fact("install driver version 570.172.08 now\n"
                 "| NVIDIA-SMI 570.158.01 Driver Version: 570.158.01 |",
                 "driver"),
            "570.158.01");
}

TEST(Extract, AnApiMismatchNamesTheLibraryFirst) {
  const char* old_form =
      "NVRM: API mismatch: the client has the version 535.183.06, but\n"
      "NVRM: this kernel module has the version 535.161.08.  Please\n"
      "NVRM: make sure that this kernel module and all NVIDIA driver\n";
  EXPECT_EQ(fact(old_form, "library"), "535.183.06");
  EXPECT_EQ(fact(old_form, "driver"), "535.161.08");
  const char* new_form =
      "[ 9.100000] NVRM: API mismatch: the client 'nvidia-smi' (pid 4711)\n"
      "[ 9.100001] NVRM: has the version 580.95.05, but this kernel module "
      "has\n"
      "[ 9.100002] NVRM: the version 580.82.07.  Please make sure that this\n";
  EXPECT_EQ(fact(new_form, "library"), "580.95.05");
  EXPECT_EQ(fact(new_form, "driver"), "580.82.07");
}

TEST(Extract, MigLayouts) {
  const std::string split_gpu =
      "GPU 0: NVIDIA H20 (UUID: GPU-1)\n"
      "MIG 3g.48gb Device 0: (UUID: MIG-1)\n"
      "MIG 1g.12gb Device 1: (UUID: MIG-2)\n";
  EXPECT_EQ(fact(split_gpu, "mig"), "all");
  EXPECT_EQ(fact(split_gpu + "GPU 1: NVIDIA H20 (UUID: GPU-2)", "mig"),
            "mixed");
  const std::string on = "|                 |            |      Enabled |\n";
  const std::string off = "|                 |            |     Disabled |\n";
  EXPECT_EQ(fact(on + on, "mig"), "all");
  EXPECT_EQ(fact(on + off, "mig"), "mixed");
  EXPECT_EQ(fact(off, "mig"), "off");
}

TEST(Extract, UptimeFromKernelStamps) {
  const auto days = to_double(fact(
      "[5745610.100000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  1\n",
      "uptime_days"));
  ASSERT_TRUE(days);
  EXPECT_NEAR(*days, 66.5, 0.01);
}

TEST(Timestamp, EveryForm) {
  const Wall now = *from_iso("2026-01-15T12:00:00Z");
  const std::pair<const char*, const char*> kTable[] = {
      {"Jan  9 02:11:10 node kernel: x", "2026-01-09T02:11:10.000Z"},
      {"Jul 30 19:46:12 node kernel: x", "2025-07-30T19:46:12.000Z"},
      {"67035 Jul 30 19:46:12 node kernel: x", "2025-07-30T19:46:12.000Z"},
      {"I0730 20:39:03.752764 45878 x", "2025-07-30T20:39:03.752Z"},
      {"2026-01-10T01:02:03Z node x", "2026-01-10T01:02:03.000Z"},
      {"2026-01-10 01:02:03 node x", "2026-01-10T01:02:03.000Z"},
  };
  for (const auto& [line, wanted] : kTable) {
    const auto when = line_time(line, now);
    ASSERT_TRUE(when) << line;
    EXPECT_EQ(to_iso(*when), wanted) << line;
  }
  for (const char* line : {"", "[434189.944726] XFS", "Jul 40 19:46:12 x",
                           "Feb 30 19:46:12 x", "I9930 20:39:03.7 x"}) {
    EXPECT_FALSE(line_time(line, now)) << line;
  }
}

TEST(Timestamp, Sources) {
  EXPECT_EQ(line_source("Jul 30 19:46:12 n kernel: [1.000000] x"),
            "kernel-log");
  EXPECT_EQ(line_source("[434189.944726] XFS (dm-3): x"), "kernel-log");
  EXPECT_EQ(line_source("Jul 30 n kubelet[45878]: I0730"), "kubelet-log");
  EXPECT_EQ(line_source("[INFO] a tuner"), "log");
}

TEST(Given, FactsOfAPerson) {
  const auto driver = given_fact("driver=570.158.01");
  ASSERT_TRUE(driver);
  EXPECT_EQ(driver->source, "given");
  EXPECT_EQ(to_text(driver->value), "570.158.01");
  EXPECT_EQ(given_fact("nvml@0000:3B:00.0=GPU_IS_LOST")->subject.name,
            "0000:3b:00.0");
  EXPECT_EQ(given_fact("uptime_days=66.5")->value, Value(66.5));
  const std::pair<const char*, const char*> kWrong[] = {
      {"drivr=1", "did you mean 'driver'?"},
      {"driver", "KEY=VALUE"},
      {"driver=", "no value"},
      {"uptime_days=long", "is a number"},
      {"module_loaded=maybe", "true or false"},
      {"driver=latest", "is a version"},
      {"driver=570", "is a version"},
      {"library=570.x", "is a version"},
      {"uptime_days=-1", "not below 0"},
      {"uptime_days=nan", "is a number"},
      {"mig=maybe", "off, on, all, mixed"},
      {"probe=hung", "answering"},
      {"nvml=GPU_IS_LOTS", "did you mean 'GPU_IS_LOST'?"},
  };
  for (const auto& [text, wanted] : kWrong) {
    const auto fact = given_fact(text);
    ASSERT_FALSE(fact) << text;
    EXPECT_NE(fact.error().text.find(wanted), std::string::npos)
        << fact.error().text;
  }
}

}  // namespace
}  // namespace gpuward
