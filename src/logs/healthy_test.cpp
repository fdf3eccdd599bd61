// Logs of machines that are well, and prose about faults: tests/logs/healthy.
// Whatever is found in one of them is a false alarm.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "logs/log_reader.h"

namespace gpuward::logs {
namespace {

namespace fs = std::filesystem;

const diagnosis::Catalogue& catalogue() {
  static const auto loaded = diagnosis::load_catalogue();
  EXPECT_TRUE(loaded) << loaded.error().text;
  return *loaded;
}

std::vector<std::string> healthy_logs() {
  std::vector<std::string> paths;
  for (const auto& entry :
       fs::directory_iterator(GPUWARD_TEST_LOGS "/healthy")) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

// As if `more` stood at the log's end.
Diagnosis diagnose(const std::string& path, const std::string& more = {}) {
  diagnosis::State state;
  LogReader reader(catalogue().patterns.literals(),
                   [&](size_t, const Evidence& line) {
                     diagnosis::fold(catalogue(), state, line);
                   });
  LogOptions options;
  options.now = *from_iso("2026-03-01T00:00:00Z");
  EXPECT_TRUE(reader.read(path, options)) << path;
  reader.finish();
  for (const auto& machine : reader.machines()) {
    for (const Evidence& fact : machine.facts)
      diagnosis::fold(catalogue(), state, fact);
  }
  if (!more.empty()) {
    Evidence line;
    line.source = "log";
    line.text = more;
    diagnosis::fold(catalogue(), state, line);
  }
  return diagnosis::conclude(catalogue(), state, {}, options.now);
}

TEST(HealthyLogs, GiveNoFinding) {
  const auto paths = healthy_logs();
  EXPECT_GE(paths.size(), 8u);
  for (const std::string& path : paths) {
    for (const Finding& finding : diagnose(path).findings) {
      ADD_FAILURE() << path << ": " << finding.id << ": " << finding.title
                    << (finding.evidence.empty()
                            ? std::string()
                            : "\n  " + finding.evidence.front().text);
    }
  }
}

TEST(HealthyLogs, DoNotHideAFault) {
  for (const std::string& path : healthy_logs()) {
    const auto diagnosis = diagnose(
        path,
        "NVRM: Xid (PCI:0000:18:00): 79, pid=1234, name=python, GPU has fallen "
        "off the bus.");
    ASSERT_FALSE(diagnosis.findings.empty()) << path;
    EXPECT_EQ(diagnosis.findings.front().id, "gpu-fallen-off-bus") << path;
  }
}

}  // namespace
}  // namespace gpuward::logs
