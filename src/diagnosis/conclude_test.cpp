#include "diagnosis/conclude.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/fold.h"

namespace gpuward::diagnosis {
namespace {

struct Case {
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<std::string> lines;
  std::vector<Gap> gaps;
};

const Catalogue& catalogue() {
  static const auto loaded = load_catalogue();
  EXPECT_TRUE(loaded) << loaded.error().text;
  return *loaded;
}

State folded(const Case& one) {
  State state;
  for (const auto& [key, value] : one.facts) {
    Evidence fact;
    fact.source = "test";
    fact.key = key;
    fact.value = value;
    fold(catalogue(), state, fact);
  }
  int64_t number = 0;
  for (const std::string& text : one.lines) {
    Evidence line;
    line.source = "kernel-log";
    line.text = text;
    line.line = ++number;
    fold(catalogue(), state, line);
  }
  return state;
}

Diagnosis diagnose(const Case& one) {
  return conclude(catalogue(), folded(one), one.gaps, Wall{});
}

std::vector<std::string> ids(const Diagnosis& diagnosis) {
  std::vector<std::string> all;
  for (const Finding& one : diagnosis.findings) all.push_back(one.id);
  return all;
}

const UnknownCheck* unknown(const Diagnosis& diagnosis, std::string_view id) {
  const auto& list = diagnosis.checks.unknown;
  const auto found = std::ranges::find(list, id, &UnknownCheck::id);
  return found == list.end() ? nullptr : &*found;
}

TEST(Conclude, NothingIsHealthy) {
  const auto diagnosis = diagnose({});
  EXPECT_TRUE(diagnosis.findings.empty());
  EXPECT_TRUE(diagnosis.checks.unknown.empty());
  EXPECT_GT(diagnosis.checks.passed, 5);
}

TEST(Conclude, RedHerringsAreQuiet) {
  const auto diagnosis = diagnose(
      {{},
       {
           "[434189.944726] XFS (dm-3): Invalid superblock magic number",
           "[434213.837526] XFS (dm-3): Ending clean mount",
           "[341115.681608] INFO: task containerd-shim:7663 blocked for more "
           "than "
           "5 seconds.",
           "[341115.681664]       Tainted: P OE 5.15.0-1078-nvidia #79-Ubuntu",
           "[341115.681718] task:containerd-shim state:D stack: 0 pid: 7663",
           "[ 12.1] nvidia: loading out-of-tree module taints kernel.",
           "[ 12.2] nvidia-nvlink: Nvlink Core is being initialized, major 234",
           "[ 12.3] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  570.172.08",
           "[ 12.4] [drm] Initialized nvidia-drm 0.0.0 for 0000:0f:00.0 on "
           "minor 1",
           "fabricmanager: NV_WARN_NOTHING_TO_DO",
           "NCCL WARN NET/IB : Got completion from peer with status=12 error",
       },
       {}});
  EXPECT_EQ(ids(diagnosis), std::vector<std::string>{});
}

TEST(Conclude, AGapLeavesOpenWhatRestsOnIt) {
  const Case hidden{{{"driver", "570.172.08"}},
                    {},
                    {{"kernel-log", "not readable: run as root"}}};
  const auto diagnosis = diagnose(hidden);
  const auto* check = unknown(diagnosis, "gpu-fallen-off-bus");
  ASSERT_NE(check, nullptr);
  EXPECT_TRUE(check->matters);
  EXPECT_NE(check->why.find("run as root"), std::string::npos);
  EXPECT_EQ(verdict_of(diagnosis), Verdict::unknown);
}

TEST(Conclude, AnAnsweringProbeMakesAGapHarmless) {
  const Case well{{{"probe", "answering"}, {"nvml", "SUCCESS"}},
                  {},
                  {{"kernel-log", "not readable: run as root"}}};
  const auto diagnosis = diagnose(well);
  const auto* check = unknown(diagnosis, "gsp-rpc-timeout");
  ASSERT_NE(check, nullptr);
  for (const UnknownCheck& one : diagnosis.checks.unknown) {
    EXPECT_FALSE(one.matters) << one.id << ": " << one.why;
  }
  EXPECT_EQ(verdict_of(diagnosis), Verdict::healthy);
}

TEST(Conclude, AProbeThatDidNotRunIsNoAnswer) {
  const auto diagnosis = diagnose({{{"probe", "not-run"}}, {}, {}});
  EXPECT_NE(unknown(diagnosis, "nvml-hang-kernel"), nullptr);
  EXPECT_NE(unknown(diagnosis, "nvml-hang-user"), nullptr);
}

TEST(Conclude, AMachineWithoutGpusIsHealthyWhateverCannotBeRead) {
  const auto diagnosis = diagnose(
      {{{"pci_gpus", "0"},
        {"module_loaded", "false"},
        {"probe", "not-run"},
        {"library_state", "absent"}},
       {},
       {{"kernel-log", "not readable: run as root"}, {"probe", "no library"}}});
  EXPECT_TRUE(diagnosis.findings.empty());
  for (const UnknownCheck& one : diagnosis.checks.unknown) {
    EXPECT_FALSE(one.matters) << one.id << ": " << one.why;
  }
  EXPECT_EQ(verdict_of(diagnosis), Verdict::healthy);
}

TEST(Conclude, AMissingFactIsNeitherYesNorNo) {
  // Affected driver, MIG layout not known.
  const auto open = diagnose({{{"driver", "570.158.01"}}, {}, {}});
  EXPECT_NE(unknown(open, "nvml-init-hang-r570"), nullptr);
  const auto off =
      diagnose({{{"driver", "570.158.01"}, {"mig", "off"}}, {}, {}});
  EXPECT_EQ(unknown(off, "nvml-init-hang-r570"), nullptr);
  EXPECT_TRUE(off.findings.empty());
}

TEST(Conclude, EveryStuckProbeIsAFindingThatNamesTheCall) {
  for (const char* state : {"S", "D", "R", ""}) {
    for (const char* where : {"kernel", "user", ""}) {
      Case one{
          {{"probe", "stuck"}, {"probe_symbol", "nvmlDeviceGetUUID"}}, {}, {}};
      if (*state != 0) one.facts.emplace_back("probe_task_state", state);
      if (*where != 0) one.facts.emplace_back("probe_where", where);
      const auto diagnosis = diagnose(one);
      ASSERT_EQ(diagnosis.findings.size(), 1u) << state << where;
      const Finding& finding = diagnosis.findings.front();
      EXPECT_NE(finding.title.find("nvmlDeviceGetUUID"), std::string::npos);
      EXPECT_TRUE(std::ranges::any_of(finding.evidence, [](const auto& shown) {
        return shown.text.find("nvmlDeviceGetUUID") != std::string::npos;
      }));
    }
  }
}

TEST(Conclude, ConsequencesStandUnderTheirRoot) {
  const auto diagnosis = diagnose(
      {{{"pci_gpus", "8"}, {"nvml_gpus", "7"}},
       {
           "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
           "NVRM: Xid (PCI:0000:3b:00): 119, Timeout after 6s of waiting for "
           "RPC "
           "response from GPU0 GSP! Expected function 76 (GSP_RM_CONTROL)",
           "NVRM: Xid (PCI:0000:3b:00): 45, pid=1, name=x, Ch 00000008",
           "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from "
           "0x0",
       },
       {}});
  ASSERT_EQ(ids(diagnosis), std::vector<std::string>{"gpu-fallen-off-bus"});
  const Finding& root = diagnosis.findings.front();
  EXPECT_EQ(root.subject, (Subject{Subject::Kind::gpu, "0000:3b:00.0"}));
  std::vector<std::string> follows;
  for (const auto& one : root.consequences) follows.push_back(one.id);
  for (const char* id : {"gsp-rpc-timeout", "gpu-missing", "gpu-app-fault",
                         "gpu-reset-required"}) {
    EXPECT_NE(std::ranges::find(follows, id), follows.end()) << id;
  }
}

TEST(Conclude, ConsequencesAreFilledInAndNotRepeated) {
  const auto diagnosis = diagnose({{{"driver", "570.158.01"},
                                    {"mig", "mixed"},
                                    {"probe", "stuck"},
                                    {"probe_symbol", "nvmlInit_v2"},
                                    {"probe_task_state", "S"}},
                                   {},
                                   {}});
  ASSERT_EQ(ids(diagnosis), std::vector<std::string>{"nvml-init-hang-r570"});
  const auto& follows = diagnosis.findings[0].consequences;
  ASSERT_EQ(follows.size(), 1u);
  EXPECT_EQ(follows[0].text, "nvmlInit_v2 does not return");
}

TEST(Conclude, TwoGpusAreTwoFindings) {
  const auto diagnosis = diagnose(
      {{},
       {
           "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
           "NVRM: Xid (0000:5a:00): 119, Timeout after 6s of waiting for RPC",
       },
       {}});
  EXPECT_EQ(ids(diagnosis), (std::vector<std::string>{"gpu-fallen-off-bus",
                                                      "gsp-rpc-timeout"}));
}

// Each boot counts its stamps anew: ten minutes after three starts, days apart,
// is not the same time.
TEST(Conclude, LinesOfDifferentBootsAreNotAtOnce) {
  const auto after_days_apart = [](int days) {
    State state;
    int order = 0;
    for (const std::string gpu : {"19", "3b", "5e"}) {
      Evidence line;
      line.source = "journal";
      line.when = Wall{} + std::chrono::hours(24 * days * order++);
      line.text = fmt::format(
          "[  600.000001] NVRM: Xid (PCI:0000:{}:00): 74, pid=1, name=a, "
          "NVLink: fatal error detected on link 2(0x10000, 0x0, 0x0)",
          gpu);
      fold(catalogue(), state, line);
    }
    return ids(conclude(catalogue(), state, {}, Wall{}));
  };
  EXPECT_EQ(after_days_apart(0), std::vector<std::string>{"nvswitch-fault"});
  EXPECT_EQ(after_days_apart(3),
            std::vector<std::string>(3, "gpu-nvlink-error"));
}

// DKMS has the module for other kernels; the one that runs has none.
TEST(Conclude, AModuleForAnotherKernelIsNotOneForThis) {
  const auto with = [](std::string_view kernel) {
    return ids(diagnose(
        {{{"kernel", std::string(kernel)}},
         {"nvidia/550.120, 6.8.0-49-generic, x86_64: installed",
          "NVIDIA-SMI has failed because it couldn't communicate with the "
          "NVIDIA driver."},
         {}}));
  };
  EXPECT_EQ(with("6.8.0-51-generic").front(), "driver-not-built-for-kernel");
  EXPECT_EQ(with("6.8.0-49-generic").front(), "driver-not-loaded");
}

TEST(Conclude, AnOldLineOfALivingGpuIsToldAndChangesNoVerdict) {
  const char* const kLines[] = {
      "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
      "NVRM: Xid (PCI:0000:3b:00): 119, Timeout after 6s of waiting for RPC "
      "response from GPU0 GSP!",
      "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x62:0x55:1860)",
      "INFO: task nvidia-smi:812 blocked for more than 120 seconds.",
  };
  for (const char* line : kLines) {
    State state = folded({{{"probe", "answering"}}, {line}, {}});
    Evidence fact;
    fact.source = "nvml";
    fact.subject = {Subject::Kind::gpu, "0000:3b:00.0"};
    fact.key = "nvml";
    fact.value = "SUCCESS";
    fold(catalogue(), state, fact);
    const auto diagnosis = conclude(catalogue(), state, {}, Wall{});
    ASSERT_EQ(diagnosis.findings.size(), 1u) << line;
    EXPECT_EQ(diagnosis.findings[0].severity, Severity::info) << line;
    EXPECT_EQ(verdict_of(diagnosis), Verdict::healthy) << line;
  }
}

TEST(Conclude, AnXidThatTheTableDoesNotHaveIsNotPassed) {
  const auto damaged = diagnose(
      {{},
       {"NVRM: Xid (PCI:0000:3b:00): 977, pid=1, name=x, something new",
        "NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=x, MMU Fault",
        "nvidia-nvswitch0: SXid (0000:c1:00.0): 39998, Non-fatal, Link 30",
        "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 39999, Non-fatal, Link 30"},
       {}});
  const auto* check = unknown(damaged, "xid");
  ASSERT_NE(check, nullptr);
  EXPECT_TRUE(check->matters);
  EXPECT_EQ(check->why.find("Xid 977, SXid 39998, SXid 39999 in the log"), 0u);
  EXPECT_EQ(verdict_of(damaged), Verdict::unknown);
}

// Three Xids of three codes were counted as one: "Xid 31 … (3 times)".
TEST(Conclude, OnlyLinesOfTheSameTextAreCountedAsOne) {
  State state;
  const auto add = [&](const char* text) {
    Evidence line;
    line.source = "kernel-log";
    line.text = text;
    fold(catalogue(), state, line);
  };
  add("NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=a, MMU Fault");
  add("NVRM: Xid (PCI:0000:3b:00): 13, pid=1, name=a, Graphics Exception");
  add("NVRM: Xid (PCI:0000:3b:00): 43, pid=1, name=a, Ch 00000008");
  add("NVRM: Xid (PCI:0000:3b:00): 43, pid=1, name=a, Ch 00000008");
  add("NVRM: Xid (PCI:0000:3b:00): 43, pid=2, name=b, Ch 00000009");
  const Diagnosis found = conclude(catalogue(), state, {}, Wall{});
  ASSERT_FALSE(found.findings.empty());
  std::vector<std::pair<std::string, int64_t>> told;
  for (const Evidence& evidence : found.findings.front().evidence) {
    told.emplace_back(evidence.text, evidence.times);
  }
  EXPECT_EQ(
      told,
      (std::vector<std::pair<std::string, int64_t>>{
          {"NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=a, MMU Fault", 1},
          {"NVRM: Xid (PCI:0000:3b:00): 13, pid=1, name=a, Graphics "
           "Exception",
           1},
          {"NVRM: Xid (PCI:0000:3b:00): 43, pid=1, name=a, Ch 00000008", 2},
          {"1 more line like these", 1}}));
}

TEST(Conclude, MemoryIsBounded) {
  State state;
  for (int i = 0; i < 100000; ++i) {
    Evidence line;
    line.source = "kernel-log";
    line.text = "NVRM: Xid (PCI:" + std::to_string(1000 + i % 9000) +
                ":3b:00): 79, GPU has fallen off the bus.";
    fold(catalogue(), state, line);
  }
  ASSERT_FALSE(state.hits.empty());
  for (const auto& [signature, by_gpu] : state.hits) {
    EXPECT_LE(by_gpu.size(), State::kSubjects);
    for (const auto& [gpu, hits] : by_gpu) {
      EXPECT_LE(hits.texts.size(), State::kSamples);
    }
  }
}

TEST(Fold, ProseAboutFaultsIsNoFault) {
  const std::pair<const char*, bool> kTable[] = {
      {"- Fixed: Failed to initialize NVML: Driver/library version mismatch",
       false},
      {"If you see 'Failed to initialize NVML: Unknown Error', read this",
       false},
      {"what is Driver/library version mismatch?", false},
      {"Failed to initialize NVML: Driver/library version mismatch", true},
      {"NVRM: Xid (PCI:0000:3b:00): 79, GPU fixed?", true},
  };
  for (const auto& [text, counts] : kTable) {
    State state;
    Evidence line;
    line.source = "log";
    line.text = text;
    fold(catalogue(), state, line);
    EXPECT_EQ(!state.hits.empty(), counts) << text;
  }
}

TEST(Fold, GpuAddressesHaveOneForm) {
  EXPECT_EQ(gpu_address("00000000:3B:00.0"), "0000:3b:00.0");
  EXPECT_EQ(gpu_address("PCI:0000:3b:00"), "0000:3b:00.0");
  EXPECT_EQ(gpu_address("3b:00.0"), "0000:3b:00.0");
  EXPECT_EQ(gpu_address("00010002:3b:00.0"), "10002:3b:00.0");
  EXPECT_EQ(gpu_address("0"), "GPU 0");
}

TEST(Fold, KernelStamps) {
  EXPECT_EQ(kernel_stamp("Jul 30 n kernel: [434189.944726] XFS"),
            434189.944726);
  EXPECT_EQ(kernel_stamp("[    0.000000] Linux"), 0.0);
  EXPECT_FALSE(kernel_stamp("kubelet[45878]: I0730"));
}

}  // namespace
}  // namespace gpuward::diagnosis
