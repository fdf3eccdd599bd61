// The four reports that gpuward began with, shortened: tests/logs.
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "logs/log_reader.h"

namespace gpuward::logs {
namespace {

Diagnosis diagnose(const std::string& name) {
  static const auto catalogue = diagnosis::load_catalogue();
  diagnosis::State state;
  LogReader reader(catalogue->patterns.literals(),
                   [&](size_t machine, const Evidence& line) {
                     EXPECT_EQ(machine, 0u);
                     diagnosis::fold(*catalogue, state, line);
                   });
  LogOptions options;
  options.now = *from_iso("2026-03-01T00:00:00Z");
  const auto summary =
      reader.read(std::string(GPUWARD_TEST_LOGS "/") + name, options);
  EXPECT_TRUE(summary) << name;
  reader.finish();
  const auto machines = reader.machines();
  for (const Evidence& fact : machines.at(0).facts) {
    diagnosis::fold(*catalogue, state, fact);
  }
  return diagnosis::conclude(*catalogue, state, {}, options.now);
}

bool mentions(const Diagnosis& diagnosis, std::string_view text) {
  return std::ranges::any_of(diagnosis.findings, [&](const Finding& finding) {
    return std::ranges::any_of(finding.evidence, [&](const Evidence& one) {
      return one.text.find(text) != std::string::npos;
    });
  });
}

TEST(Seeds, MigKubeletHang) {
  const auto diagnosis = diagnose("mig-kubelet-report.md");
  ASSERT_FALSE(diagnosis.findings.empty());
  const Finding& first = diagnosis.findings.front();
  EXPECT_EQ(first.id, "nvml-init-hang-r570");
  EXPECT_GE(first.confidence, Confidence::likely);
  EXPECT_NE(first.title.find("570.158.01"), std::string::npos);
  ASSERT_FALSE(first.consequences.empty());
  EXPECT_EQ(first.consequences.front().id, "kubelet-blocked-by-device-plugin");
  EXPECT_FALSE(mentions(diagnosis, "XFS"));
  EXPECT_FALSE(mentions(diagnosis, "containerd-shim"));
}

TEST(Seeds, UptimeHang) {
  const auto diagnosis = diagnose("uptime-report.md");
  ASSERT_FALSE(diagnosis.findings.empty());
  EXPECT_EQ(diagnosis.findings.front().id, "uptime-hang-blackwell");
}

TEST(Seeds, DaemonReload) {
  const auto diagnosis = diagnose("daemon-reload-report.md");
  ASSERT_FALSE(diagnosis.findings.empty());
  EXPECT_EQ(diagnosis.findings.front().id, "container-gpu-access-revoked");
  EXPECT_FALSE(diagnosis.findings.front().settle.empty());
}

TEST(Seeds, PersistenceModeIsReportedAndNotBlamed) {
  const auto diagnosis = diagnose("persistence-report.md");
  ASSERT_EQ(diagnosis.findings.size(), 2u);
  EXPECT_EQ(diagnosis.findings[0].id, "container-gpu-access-revoked");
  EXPECT_EQ(diagnosis.findings[1].id, "persistence-mode-off");
  EXPECT_EQ(diagnosis.findings[1].severity, Severity::warning);
  EXPECT_TRUE(mentions(diagnosis, "does not explain"));
}

}  // namespace
}  // namespace gpuward::logs
