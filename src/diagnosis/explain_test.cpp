#include "diagnosis/explain.h"

#include <gtest/gtest.h>

#include "model/nvml_returns.h"

namespace gpuward {
namespace {

TEST(Explain, KnowsFaultsXidsReturnsAndLines) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue);
  using Row = std::tuple<const char*, const char*, const char*>;
  const Row kTable[] = {
      {"gpu-missing", "fault", "gpu-missing"},
      {"Xid 79", "xid", "gpu-fallen-off-bus"},
      {"xid120", "xid", "gsp-rpc-timeout"},
      {"Xid 31", "xid", ""},
      {"79", "xid", "gpu-fallen-off-bus"},
      {"SXid 20034", "sxid", ""},
      {"nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal", "sxid", ""},
      {"nvmlInit_v2", "nvml-function", "nvml-init-hang-r570"},
      {"nvmlDeviceGetUUID", "nvml-function", "nvml-hang-kernel"},
      {"NVML_ERROR_GPU_IS_LOST", "nvml-return", "gpu-fallen-off-bus"},
      {"999", "nvml-return", "container-gpu-access-revoked"},
      {"unknown error", "nvml-return", "container-gpu-access-revoked"},
      {"NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.", "line",
       "gpu-fallen-off-bus"},
      {"NVRM: Xid (PCI:0000:3b:00): 31, MMU Fault", "xid", ""},
      {"Failed to initialize NVML: Unknown Error", "line",
       "container-gpu-access-revoked"},
      {"XFS (dm-3): Ending clean mount", "nothing", ""},
      {"gpu-mising", "nothing", ""},
      {"", "nothing", ""},
  };
  for (const auto& [words, kind, fault] : kTable) {
    const Explanation found = explain(*catalogue, words);
    EXPECT_EQ(found.kind, kind) << words;
    EXPECT_EQ(found.faults.empty() ? "" : found.faults.front(), fault) << words;
    EXPECT_FALSE(found.paragraphs.empty()) << words;
  }
  const auto uncovered = explain(*catalogue, "Xid 31");
  EXPECT_NE(uncovered.paragraphs[0].find("no entry for Xid 31"),
            std::string::npos);
}

TEST(Explain, WhatNoEntryCoversIsNotKnown) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue);
  EXPECT_TRUE(is_empty(explain(*catalogue, "Xid 9999")));
  EXPECT_TRUE(is_empty(explain(*catalogue, "SXid 20034")));
  EXPECT_TRUE(is_empty(explain(*catalogue, "frobnicate")));
  EXPECT_FALSE(is_empty(explain(*catalogue, "Xid 79")));
  EXPECT_EQ(to_json(explain(*catalogue, "79"))["schema"].as_integer(), 1);
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
}  // namespace gpuward
