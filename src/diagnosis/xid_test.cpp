// Every Xid and SXid of the tables, and the forms in which they are printed.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "diagnosis/conclude.h"
#include "diagnosis/explain.h"
#include "diagnosis/fold.h"
#include "diagnosis/xid_line.h"
#include "diagnosis/xid_table.h"

namespace gpuward::diagnosis {
namespace {

const Catalogue& catalogue() {
  static const auto loaded = load_catalogue();
  EXPECT_TRUE(loaded) << loaded.error().text;
  return *loaded;
}

Diagnosis diagnose(const std::vector<std::string>& lines) {
  State state;
  for (const std::string& text : lines) {
    Evidence line;
    line.source = "kernel-log";
    line.text = text;
    fold(catalogue(), state, line);
  }
  return conclude(catalogue(), state, {}, Wall{});
}

std::string first_of(const Diagnosis& diagnosis) {
  return diagnosis.findings.empty() ? "nothing" : diagnosis.findings.front().id;
}

bool has(const std::vector<std::string>& paragraphs, std::string_view part) {
  return std::ranges::any_of(paragraphs, [&](const std::string& one) {
    return one.find(part) != std::string::npos;
  });
}

TEST(XidTable, HoldsAllOfThemInWords) {
  constexpr int kLast = 176;
  ASSERT_EQ(xid_rows().size(), static_cast<size_t>(kLast));
  ASSERT_GT(sxid_rows().size(), 400u);
  const std::set<std::string_view> blames = {
      "application", "driver", "hardware", "fabric", "none", "unknown"};
  for (const auto rows : {xid_rows(), sxid_rows()}) {
    for (const XidRow& row : rows) {
      EXPECT_FALSE(row.mnemonic.empty()) << row.code;
      EXPECT_FALSE(row.meaning.empty()) << row.code;
      EXPECT_FALSE(row.action.empty()) << row.code;
      EXPECT_FALSE(row.source.empty()) << row.code;
      EXPECT_TRUE(blames.contains(row.blame)) << row.code;
      EXPECT_TRUE(row.certainty == "documented" || row.certainty == "inferred")
          << row.code;
    }
  }
  for (int code = 1; code <= kLast; ++code) {
    EXPECT_NE(find_xid(code), nullptr) << code;
  }
  EXPECT_EQ(find_xid(977), nullptr);
}

// A finding of the entry that lists it, or it tells of nothing that is broken.
TEST(XidTable, EachGivesAFindingOrIsNoFault) {
  for (const XidRow& row : xid_rows()) {
    const std::string line = fmt::format(
        "NVRM: Xid (PCI:0000:3b:00): {}, pid=7, name=python3, words", row.code);
    const auto diagnosis = diagnose({line});
    EXPECT_TRUE(diagnosis.checks.unknown.empty()) << row.code;
    const Explanation words = explain(catalogue(), line);
    EXPECT_EQ(words.kind, "xid") << row.code;
    EXPECT_TRUE(has(words.paragraphs, row.meaning)) << row.code;
    EXPECT_EQ(words.certainty, row.certainty);
    if (row.blame == "none") {
      for (const Finding& finding : diagnosis.findings) {
        EXPECT_EQ(finding.severity, Severity::info) << row.code;
      }
      continue;
    }
    ASSERT_EQ(diagnosis.findings.size(), 1u) << row.code;
    ASSERT_EQ(words.faults.size(), 1u) << row.code;
    EXPECT_EQ(first_of(diagnosis), words.faults.front()) << row.code;
    // Only hardware, driver and fabric may be called faulty.
    if (row.blame == "application") {
      EXPECT_EQ(diagnosis.findings[0].severity, Severity::info) << row.code;
    }
  }
}

TEST(XidTable, EachSxidGivesWhatTheSwitchCallsIt) {
  for (const XidRow& row : sxid_rows()) {
    for (const auto& [word, severity] :
         {std::pair("Fatal", Severity::fault),
          std::pair("Non-fatal", Severity::info)}) {
      const std::string line = fmt::format(
          "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): {}, {}, Link 30 words",
          row.code, word);
      const auto diagnosis = diagnose({line});
      ASSERT_EQ(diagnosis.findings.size(), 1u) << row.code;
      EXPECT_EQ(first_of(diagnosis), "nvswitch-fault");
      EXPECT_EQ(diagnosis.findings[0].severity, severity) << row.code;
      const Explanation words = explain(catalogue(), line);
      EXPECT_EQ(words.kind, "sxid");
      EXPECT_TRUE(has(words.paragraphs, row.meaning)) << row.code;
    }
  }
}

TEST(XidLine, IsFoundInAllItsForms) {
  struct Row {
    const char* line;
    int code;
    const char* device;
    const char* program;
  };
  const Row kTable[] = {
      {"NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.", 79,
       "0000:3b:00", ""},
      {"[ 12.345678] NVRM: Xid (PCI:0000:3b:00): 31, pid=7, name=python3, Ch 1",
       31, "0000:3b:00", "python3"},
      {"NVRM: Xid (PCI:0000:3b:00): 13, pid='<unknown>', name=<unknown>, ESR",
       13, "0000:3b:00", ""},
      {"NVRM: Xid (PCI:0000:3b:00 GPU-I:05): 94, pid=7, name=x, Contained", 94,
       "0000:3b:00", "x"},
      {"NVRM: Xid (PCI:0000:3b:00 GPU-I:05 GPU-CI:00): 94, Contained", 94,
       "0000:3b:00", ""},
      {"NVRM: Xid (0000:03:00): 14, Channel 00000001", 14, "0000:03:00", ""},
      {"Xid (PCI:0000:3b:00.0): 79, GPU has fallen off the bus.", 79,
       "0000:3b:00.0", ""},
      {"NVRM: Xid (PCI:00000000:3B:00): 48, DBE", 48, "00000000:3B:00", ""},
      {"NVRM: Xid (PCI:d7ab:00:00): 62, words", 62, "d7ab:00:00", ""},
      {"NVRM: Xid (PCI:0000:3f:00): 46", 46, "0000:3f:00", ""},
      {"XidCriticalError: Xid=48 on Device=GPU-1; marking as unhealthy", 48, "",
       ""},
      {"DCGM: Detected XID 94 for GPU 3", 94, "", ""},
      {"XID errors: 31", 31, "", ""},
      {"xid79", 79, "", ""},
  };
  for (const Row& row : kTable) {
    const XidLine found = find_xid_line(row.line).value_or(XidLine{});
    EXPECT_EQ(found.code, row.code) << row.line;
    EXPECT_EQ(found.device, row.device) << row.line;
    if (*row.program != '\0') {
      EXPECT_EQ(found.program, row.program) << row.line;
    }
    EXPECT_FALSE(found.of_switch);
  }
  EXPECT_FALSE(find_xid_line("NVRM: loading NVIDIA UNIX Kernel Module 570"));
  EXPECT_FALSE(find_xid_line("XFS (dm-3): Ending clean mount 79"));
  const XidLine fabric =
      find_xid_line(
          "detected NVSwitch fatal error 20034 on fid 0 on NVSwitch pci bus id")
          .value_or(XidLine{});
  EXPECT_TRUE(fabric.of_switch);
  EXPECT_EQ(fabric.code, 20034);
}

TEST(XidLine, EveryFormOfALineGivesTheSameFinding) {
  for (const char* line :
       {"NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
        "[ 12.345678] NVRM: Xid (PCI:0000:3b:00): 79, pid=7, name=x, GPU",
        "n kernel: NVRM: Xid (PCI:0000:3b:00 GPU-I:05 GPU-CI:00): 79, x",
        "NVRM: Xid (0000:3b:00): 79, GPU has fallen off the bus.",
        "nvrm: Xid (PCI:0000:3B:00): 79",
        "Xid (PCI:0000:3b:00.0): 79, GPU has fallen off the bus."}) {
    const auto diagnosis = diagnose({line});
    ASSERT_EQ(diagnosis.findings.size(), 1u) << line;
    EXPECT_EQ(first_of(diagnosis), "gpu-fallen-off-bus") << line;
    EXPECT_EQ(diagnosis.findings[0].subject.name, "0000:3b:00.0") << line;
  }
}

TEST(XidLine, DecodesWhatStandsAfterTheNumber) {
  using Row = std::tuple<const char*, const char*>;
  const Row kTable[] = {
      {"NVRM: Xid (PCI:0018:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link "
       "09 (0x025525c6 0x00000000 0x0 0x0 0x0 0x0)",
       "link 9"},
      {"NVRM: Xid (PCI:0018:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link "
       "09 (0x025525c6 0x00000000 0x0 0x0 0x0 0x0)",
       "it was reset"},
      {"NVRM: Xid (PCI:0000:00:1e): 149, NETIR_LINK_EVT Fatal XC 1 i 2 Link 01 "
       "[0x00a001c6 0x00000000]",
       "Subcode 10"},
      {"NVRM: Xid (PCI:0019:01:00): 149, NETIR Fatal XC0 i0 Link -1 "
       "(0x000fe406 0x00000000)",
       "the whole unit"},
      {"NVRM: Xid (PCI:0000:66:00): 145, pid=4, name=x, RLW_SRC_TRACK Nonfatal "
       "XC1 i0 Link 07 (0x000000e2 0x00000004)",
       "not answered in time"},
      {"NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 "
       "(None) to 0x2 (Node Reboot Required)",
       "reboot the node"},
      {"NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x1 "
       "(GPU Reset Required) to 0x0 (None)",
       "nothing any more"},
      {"NVRM: Xid (PCI:0000:3b:00): 13, Graphics SM Warp Exception on (GPC 1, "
       "TPC 3, SM 0): Out Of Range Address",
       "GPC 1, TPC 3, SM 0"},
      {"NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=x, MMU Fault: ENGINE "
       "GRAPHICS GPC0 GPCCLIENT_T1_0 faulted @ 0x7f00_1000. Fault is of type "
       "FAULT_PDE",
       "FAULT_PDE"},
      {"NVRM: Xid (PCI:0000:3b:00): 45, pid=1, name=x, Ch 1 caused by previous "
       "Xid 149",
       "follows from Xid 149"},
      {"NVRM: Xid (PCI:0000:3b:00): 94, Contained: CE (0x9). RST: No, D-RST: "
       "Yes",
       "needed after the GPU is drained"},
      {"NVRM: Xid (PCI:0000:3b:00): 119, Timeout after 45s of waiting for RPC "
       "response from GPU0 GSP! Expected function 76 (GSP_RM_CONTROL) (0x0)",
       "waited 45 s for the answer to GSP_RM_CONTROL"},
      {"nvidia-nvswitch2: SXid (PCI:0000:86:00.0): 20034, Fatal, Link 30 LTSSM",
       "link 30"},
  };
  for (const auto& [line, part] : kTable) {
    const XidLine found = find_xid_line(line).value_or(XidLine{});
    const auto words = decode_xid(found);
    EXPECT_TRUE(has(words, part))
        << line << "\n " << (words.empty() ? "" : words.front());
  }
}

TEST(Xid, TheRootStandsBeforeTheLoudest) {
  const std::string gpu = "NVRM: Xid (PCI:0000:3b:00): ";
  const std::string asks =
      gpu +
      "154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU "
      "Reset Required)";
  const std::string torn = gpu + "45, pid=1, name=x, Ch 00000008";
  const std::string silent =
      gpu +
      "119, pid=1, name=x, Timeout after 45s of waiting for RPC response "
      "from GPU0 GSP! Expected function 76 (GSP_RM_CONTROL) (0x0 0x0).";
  using Row = std::pair<std::vector<std::string>, const char*>;
  const Row kTable[] = {
      {{gpu + "79, GPU has fallen off the bus.", torn, silent, asks},
       "gpu-fallen-off-bus"},
      {{gpu + "62, 2027d9bc", silent, torn, asks}, "gpu-engine-fault"},
      {{silent, torn, asks, gpu + "120, GSP Error: Task 1 raised error code"},
       "gsp-rpc-timeout"},
      {{silent, gpu + "62, 2027d9bc", asks}, "gsp-rpc-timeout"},
      {{gpu + "48, DBE", gpu + "63, Row Remapper", torn, asks},
       "gpu-memory-uncorrectable"},
      {{gpu + "48, DBE", gpu + "64, Row Remapper Error", torn, asks},
       "gpu-row-remap-failed"},
      {{gpu + "31, pid=1, name=x, MMU Fault", gpu + "43, pid=1, name=x", torn},
       "gpu-app-fault"},
      {{torn, asks}, "gpu-reset-required"},
  };
  for (const auto& [lines, id] : kTable) {
    const auto diagnosis = diagnose(lines);
    EXPECT_EQ(first_of(diagnosis), id) << lines.front();
    EXPECT_EQ(diagnosis.findings.size(), 1u) << lines.front();
  }
}

}  // namespace
}  // namespace gpuward::diagnosis
