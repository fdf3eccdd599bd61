#include "diagnosis/explain.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "diagnosis/harmless.h"
#include "diagnosis/xid_table.h"
#include "model/nvml_returns.h"

namespace gpuward::diagnosis {
namespace {

TEST(Explain, KnowsFaultsXidsReturnsAndLines) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue);
  using Row = std::tuple<const char*, const char*, const char*>;
  const Row kTable[] = {
      {"gpu-missing", "fault", "gpu-missing"},
      {"Xid 79", "xid", "gpu-fallen-off-bus"},
      {"xid120", "xid", "gsp-rpc-timeout"},
      {"Xid 31", "xid", "gpu-app-fault"},
      {"79", "xid", "gpu-fallen-off-bus"},
      {"SXid 20034", "sxid", "nvswitch-fault"},
      {"20034", "sxid", "nvswitch-fault"},
      {"nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal", "sxid",
       "nvswitch-fault"},
      {"nvmlInit_v2", "nvml-function", "nvml-init-hang-r570"},
      {"nvmlDeviceGetUUID", "nvml-function", "nvml-hang-kernel"},
      {"NVML_ERROR_GPU_IS_LOST", "nvml-return", "gpu-fallen-off-bus"},
      {"999", "nvml-return", "container-gpu-access-revoked"},
      {"unknown error", "nvml-return", "container-gpu-access-revoked"},
      {"NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.", "xid",
       "gpu-fallen-off-bus"},
      {"NVRM: Xid (PCI:0000:3b:00): 31, MMU Fault", "xid", "gpu-app-fault"},
      {"NV_WARN_NOTHING_TO_DO", "harmless", ""},
      {"Failed to initialize NVML: Unknown Error", "line",
       "container-gpu-access-revoked"},
      {"XFS (dm-3): Ending clean mount", "harmless", ""},
      {"the quick brown fox", "nothing", ""},
      {"gpu-mising", "nothing", ""},
      {"", "nothing", ""},
  };
  for (const auto& [words, kind, fault] : kTable) {
    const Explanation found = explain(*catalogue, words);
    EXPECT_EQ(found.kind, kind) << words;
    EXPECT_EQ(found.faults.empty() ? "" : found.faults.front(), fault) << words;
    EXPECT_FALSE(found.paragraphs.empty()) << words;
  }
  const auto unknown = explain(*catalogue, "Xid 977");
  EXPECT_NE(unknown.paragraphs[0].find("not in gpuward's table"),
            std::string::npos);
}

TEST(Explain, WhatNoEntryCoversIsNotKnown) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue);
  EXPECT_TRUE(is_empty(explain(*catalogue, "Xid 9999")));
  EXPECT_TRUE(is_empty(explain(*catalogue, "SXid 99999")));
  EXPECT_FALSE(is_empty(explain(*catalogue, "SXid 20034")));
  EXPECT_TRUE(is_empty(explain(*catalogue, "frobnicate")));
  EXPECT_FALSE(is_empty(explain(*catalogue, "Xid 79")));
  EXPECT_EQ(to_json(explain(*catalogue, "79"))["schema"].as_integer(), 1);
}

TEST(Explain, AHarmlessLineIsNoFaultByItself) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue);
  for (const EmbeddedFile& file : knowledge_files()) {
    if (file.name != "harmless.tsv") continue;
    for (const std::string_view row : split(file.text, '\n')) {
      const size_t tab = row.find('\t');
      if (row.starts_with('#') || tab == std::string_view::npos) continue;
      const auto good =
          matching::PatternSet::check({std::string(row.substr(0, tab)), {}});
      EXPECT_TRUE(good) << row;
    }
  }
  for (const Fault& fault : catalogue->faults) {
    for (const Example& example : fault.examples) {
      for (const std::string_view line : split(example.text, '\n')) {
        if (!find_harmless(line)) continue;
        State state;
        Evidence evidence;
        evidence.source = "log";
        evidence.text = std::string(line);
        fold(*catalogue, state, evidence);
        const auto diagnosis = conclude(*catalogue, state, {}, Wall{});
        EXPECT_TRUE(diagnosis.findings.empty() ||
                    explain(*catalogue, line).kind != "harmless")
            << fault.id << " / " << example.name << ": " << line;
      }
    }
  }
}

TEST(Explain, ALineSaysWhatItProvesByItself) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue);
  const auto alone =
      explain(*catalogue,
              "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x62:0x55:1)");
  EXPECT_EQ(alone.faults.front(), "gpu-init-failed");
  EXPECT_TRUE(
      std::ranges::any_of(alone.paragraphs, [](const std::string& paragraph) {
        return paragraph.starts_with("By this line alone");
      }));
  const auto part =
      explain(*catalogue,
              "INFO: task containerd-shim:7663 blocked for more than 120 "
              "seconds.");
  EXPECT_EQ(part.kind, "line");
  EXPECT_NE(part.paragraphs.back().find("By itself it tells of no fault"),
            std::string::npos);
}

TEST(NvmlReturns, EveryFaultOfTheTableHasTheShapeOfAnId) {
  for (const NvmlReturn& one : nvml_returns()) {
    EXPECT_EQ(find_nvml_return(one.name), &one);
    EXPECT_EQ(find_nvml_return(std::to_string(one.code)), &one);
    EXPECT_EQ(find_nvml_return(one.text), &one);
    EXPECT_EQ(one.fault.find_first_of(" _"), std::string_view::npos);
  }
  EXPECT_EQ(find_nvml_return("12345"), nullptr);
}

}  // namespace
}  // namespace gpuward::diagnosis
