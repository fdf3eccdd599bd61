#include "logs/extract.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "logs/given.h"

namespace gpuward::logs {
namespace {

// The value of `key` in `text`; "none" where there is none.
std::string fact(std::string_view text, std::string_view key) {
  static const matching::PatternSet patterns = Extractor::patterns();
  Extractor extractor(patterns);
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
  const matching::PatternSet patterns = Extractor::patterns();
  for (const std::string& literal : patterns.literals()) {
    EXPECT_GE(literal.size(), matching::LiteralGate::kShortest) << literal;
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

TEST(Extract, WhatNvidiaSmiQSaysOfEachGpu) {
  static const matching::PatternSet patterns = Extractor::patterns();
  Extractor extractor(patterns);
  constexpr std::string_view kText =
      "==============NVSMI LOG==============\n"
      "\n"
      "Driver Version                            : 570.158.01\n"
      "\n"
      "GPU 00000000:3B:00.0\n"
      "    Product Name                          : NVIDIA H100 80GB HBM3\n"
      "    MIG Mode\n"
      "        Current                           : Enabled\n"
      "        Pending                           : Disabled\n"
      "    GPU Recovery Action                   : Reset\n"
      "    ECC Errors\n"
      "        Volatile\n"
      "            DRAM Uncorrectable            : 3\n"
      "        Aggregate\n"
      "            DRAM Uncorrectable            : 9\n"
      "    Remapped Rows\n"
      "        Pending                           : Yes\n"
      "        Remapping Failure Occurred        : No\n"
      "GPU 00000000:5E:00.0\n"
      "    MIG Mode\n"
      "        Current                           : Disabled\n"
      "    GPU Recovery Action                   : None\n"
      "Volatile\n"
      "    GPU Recovery Action                   : Reboot\n";
  int64_t number = 0;
  for (const auto line : split(kText, '\n')) {
    extractor.line(line, "file", ++number);
  }
  std::string all;
  for (const Evidence& one : extractor.facts()) {
    if (one.subject.kind != Subject::Kind::gpu) continue;
    all += one.subject.name + " " + one.key + " " + to_text(one.value) + ";";
  }
  EXPECT_EQ(all,
            "0000:3b:00.0 ecc_uncorrected 3;0000:3b:00.0 mig on;"
            "0000:3b:00.0 recovery_action reset the GPU;"
            "0000:3b:00.0 rows_failed false;0000:3b:00.0 rows_pending true;"
            "0000:5e:00.0 mig off;0000:5e:00.0 recovery_action none;");
  EXPECT_EQ(fact(kText, "driver"), "570.158.01");
}

TEST(Extract, UptimeFromKernelStamps) {
  const auto days = to_double(fact(
      "[5745610.100000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  1\n",
      "uptime_days"));
  ASSERT_TRUE(days);
  EXPECT_NEAR(*days, 66.5, 0.01);
}

// "subject key value;…" of all facts in `text`.
std::string all_facts(std::string_view text) {
  static const matching::PatternSet patterns = Extractor::patterns();
  Extractor extractor(patterns);
  int64_t number = 0;
  for (const auto line : split(text, '\n')) {
    extractor.line(line, "file", ++number);
  }
  std::string all;
  for (const Evidence& one : extractor.facts()) {
    all += one.subject.name + " " + one.key + " " + to_text(one.value) + ";";
  }
  return all;
}

TEST(Extract, WhatToolsSayInSeveralLines) {
  EXPECT_EQ(all_facts("3b:00.0 3D controller: NVIDIA Corporation GH100\n"
                      "\tSubsystem: NVIDIA Corporation Device 16c1\n"
                      "\tKernel driver in use: nouveau\n"
                      "\tKernel modules: nvidiafb, nouveau\n"
                      "3c:00.0 Audio device: NVIDIA Corporation Device\n"
                      "\tKernel driver in use: snd_hda_intel\n"
                      "0000:5e:00.0 VGA compatible controller [0300]: NVIDIA "
                      "Corporation [10de:2330]\n"
                      "\tKernel modules: nvidiafb, nouveau, nvidia\n"),
            " pci_gpus 2;0000:3b:00.0 pci_driver nouveau;"
            "0000:5e:00.0 pci_driver none;");
  std::string modules = "Module                  Size  Used by\n";
  EXPECT_EQ(all_facts(modules + "xfs 100 1\n"), "");  // it was filtered
  for (int i = 0; i < 30; ++i) {
    modules += "m" + std::to_string(i) + "    16384  1 x,y\n";
  }
  EXPECT_EQ(all_facts(modules), " module_loaded false;");
  EXPECT_EQ(
      all_facts(modules + "nvidia              56823808  12 nvidia_uvm\n"),
      " module_loaded true; module_loaded true;");
  EXPECT_EQ(all_facts("● nvidia-fabricmanager.service - NVIDIA fabric manager\n"
                      "     Loaded: loaded\n"
                      "     Active: failed (Result: exit-code) since Wed\n"
                      "     Active: active (running)\n"),
            " fabric_manager stopped;");
  EXPECT_EQ(all_facts("|   0  NVIDIA H100 80GB HBM3          On  | "
                      "  00000000:3B:00.0 Off |                    3 |\n"),
            "0000:3b:00.0 ecc_uncorrected 3; gpu NVIDIA H100 80GB HBM3; "
            "persistence on;");
  EXPECT_EQ(
      all_facts("index, pci.bus_id, ecc.errors.uncorrected.volatile.total, "
                "power.draw [W], mig.mode.current\n"
                "0, 00000000:3B:00.0, 2, 70.10 W, Disabled\n"
                "1, 00000000:5E:00.0, [N/A], [Unknown Error], [N/A]\n"
                "2, 00000000:86:00.0, [GPU is lost], [GPU is lost], [N/A]\n"
                "and so on, 00000000:87:00.0, 7, 8, Enabled\n"),
      "0000:3b:00.0 ecc_uncorrected 2;0000:3b:00.0 mig off;"
      "0000:86:00.0 nvml GPU_IS_LOST;"
      "0000:87:00.0 ecc_uncorrected 7;0000:87:00.0 mig on; mig mixed;");
}

TEST(Extract, OutputOfPackagesAndOfTheKernel) {
  const std::tuple<const char*, const char*, const char*> kTable[] = {
      {"SecureBoot enabled", "secure_boot", "on"},
      {"SecureBoot disabled", "secure_boot", "off"},
      {"version:        570.158.01", "module_on_disk", "570.158.01"},
      {"version:        5.1.0-k", "module_on_disk", "none"},
      {"Attached GPUs                             : 7", "nvml_gpus", "7"},
      {"nvidia 56823808 12 nvidia_uvm,nvidia_modeset, Live 0xffffffffc0a00000 "
       "(POE)",
       "module_loaded", "true"},
      {"crw-rw---- 1 root video 195, 255 Jul 30 20:39 /dev/nvidiactl",
       "gpu_node_mode", "0660"},
      {"ii  nvidia-fabricmanager-535  535.161.08-1  amd64  Fabric Manager",
       "fabric_manager_version", "535.161.08"},
      {"nvidia-fabric-manager-535.161.08-1.x86_64", "fabric_manager_version",
       "535.161.08"},
      {"Fabric Manager version is : 535.161.08", "fabric_manager_version",
       "535.161.08"},
      {"  Container Runtime Version:  containerd://1.7.2", "containerd",
       "1.7.2"},
      {"  Kubelet Version:            v1.27.5", "kubernetes", "1.27.5"},
      {" Server Version: 24.0.7", "docker", "24.0.7"},
      {"  Kernel Version:             5.15.0-105-generic", "kernel",
       "5.15.0-105-generic"},
      {"NVRM version:   535.161.08", "driver", "535.161.08"},
  };
  for (const auto& [text, key, wanted] : kTable) {
    EXPECT_EQ(fact(text, key), wanted) << text;
  }
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
}  // namespace gpuward::logs
