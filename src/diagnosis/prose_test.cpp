#include "diagnosis/prose.h"

#include <gtest/gtest.h>

#include "diagnosis/source_code.h"

namespace gpuward::diagnosis {
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
           "- docs: describe the hint for `Failed to initialize NVML`",
           "fix(runtime)!: Driver/library version mismatch after an update",
           "- **`could not select device driver`** — install the toolkit",
           "| `Failed to initialize NVML: Unknown Error` | run it again |",
           "| NVRM: Xid (PCI:0000:3b:00): 79, GPU lost | reseat |",
           "We look for NVRM: Xid (PCI:0000:3b:00): 79, pid=..., name=...",
           "**Symptom:** `Driver/library version mismatch`",
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
           "Error: the UVM module could not be loaded. Is it installed?",
           "- `nvidia-smi` — Failed to initialize NVML: Unknown Error",
           "| 11:02 | `Failed to initialize NVML: Unknown Error` |",
           "|  30%   41C    P8    15W / 250W |   ERR!  |",
           "fixture: Failed to initialize NVML: Unknown Error",
       }) {
    EXPECT_FALSE(is_about_faults(line)) << line;
  }
}

TEST(SourceCode, HoldsALineThatNobodyLogged) {
  for (const char* line : {
           "// NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
           "# NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x1:0x2:3)",
           "\t\t\"NVRM: Xid (PCI:0000:3b:00): 79, pid=7, lost\",",
           "    \"[ 12.345678] NVRM: Xid (PCI:0000:3b:00): 79, \"",
           "    message: \"NVRM: fallen off the bus\\n\" +",
           "assert parse(\"NVRM: Xid (PCI:0000:3b:00): 79, lost\") == 79,",
           "fake(t, \"Failed to initialize NVML: Unknown Error\")",
           "if out != \"Failed to initialize NVML: Unknown Error\" {",
           "const char* kLine = \"NVRM: Xid (PCI:0000:3b:00): 79\";",
           "LOST = \"1700000000.5 n1 kernel: NVRM: Xid (PCI:0000:3b:00): 79\"",
           "run(0, stdout=\"Driver/library version mismatch\\n\", stderr=\"\")",
           "+\t// NVRM: Xid (PCI:0000:3b:00): 48, lost",
       }) {
    EXPECT_TRUE(is_source_code(line)) << line;
  }
}

TEST(SourceCode, IsNotWhatAProgramPrinted) {
  for (const char* line : {
           "NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', lost",
           "\"Failed to initialize NVML: Unknown Error\"",
           "{\"log\":\"Failed to initialize NVML: Unknown Error\\n\"}",
           "level=error msg=\"Failed to initialize NVML: Unknown Error\"",
           "RuntimeError(\"CUDA error: uncorrectable ECC error\")",
           "write(2, \"Failed to initialize NVML: Unknown\", 41) = 41",
           "  message: \"Failed to initialize NVML: Unknown Error\"",
           "rpc error: code = Unknown desc = \"nvml: GPU is lost\"",
           "# nvidia-smi",
           "Error: status 1, output: \"Driver/library version mismatch\"",
       }) {
    EXPECT_FALSE(is_source_code(line)) << line;
  }
}

}  // namespace
}  // namespace gpuward::diagnosis
