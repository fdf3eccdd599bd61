#include "diagnosis/prose.h"

#include <gtest/gtest.h>

namespace gpuward {
namespace {

TEST(Prose, SpeaksOfFaultsThatNobodyHas) {
  for (const char* line : {
           "- Fixed `nvidia-container-cli: initialization error: load library "
           "failed` on NixOS",
           "- Don't fail with `could not select device driver`",
           "* Handle \"Failed to initialize NVML: Unknown Error\"",
           "### `Failed to initialize NVML: Unknown Error`",
           "If nvidia-smi prints \"NVIDIA-SMI has failed\", reinstall it.",
           "When do I get \"Driver/library version mismatch\"?",
           "\"pattern\": \"Failed to initialize NVML: Unknown Error\"",
           "expr: count_over_time({app=\"x\"} |= \"Failed to initialize "
           "NVML\")",
           "if docker exec tv nvidia-smi | grep -q \"Unknown Error\"; then",
           "  elif \"couldn't communicate with the NVIDIA driver\" in out:",
           "summary: '{{ $labels.pod }} lost its GPU (Unknown Error)'",
       }) {
    EXPECT_TRUE(is_about_faults(line)) << line;
  }
}

TEST(Prose, LeavesWhatSomebodySaw) {
  for (const char* line : {
           "Failed to initialize NVML: Unknown Error",
           "root@c1:/# nvidia-smi",
           "# nvidia-smi",
           "#32 [api] exporting to image",
           "- GPU 0 lost, see below",
           "If I run nvidia-smi it says Failed to initialize NVML: Unknown "
           "Error",
           "{\"log\":\"Failed to initialize NVML: Unknown Error\\n\"}",
           "raise NVMLError(ret)",
           "E0730 1 factory.go:113] Incompatible strategy detected auto",
           "-- Logs begin: kernel: something",
       }) {
    EXPECT_FALSE(is_about_faults(line)) << line;
  }
}

}  // namespace
}  // namespace gpuward
