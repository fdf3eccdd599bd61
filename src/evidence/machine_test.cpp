// The small sources: boot, driver, library, pci, nodes, software.
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>

#include "evidence/boot.h"
#include "evidence/collect.h"
#include "evidence/driver.h"
#include "evidence/gpu_models.h"
#include "evidence/library.h"
#include "evidence/module_file.h"
#include "evidence/nodes.h"
#include "evidence/pci.h"
#include "evidence/software.h"
#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

host::Host host_of(const TempTree& tree) {
  auto host = host::Host::open({tree.path(), tree.path() + "/run"});
  EXPECT_TRUE(host.has_value());
  return std::move(*host);
}

// The value of the first such fact, as text; "-" where there is none.
std::string value_of(const Collected& from, std::string_view key,
                     std::string_view gpu = {}) {
  for (const Evidence& item : from.evidence) {
    if (item.key == key && item.subject.name == gpu) return to_text(item.value);
  }
  return "-";
}

TEST(BootSource, UptimeKernelAndNames) {
  TempTree tree;
  tree.file("/proc/uptime", "5754240.50 1.0\n");
  tree.file("/proc/sys/kernel/osrelease", "6.6.0\n");
  tree.file("/etc/hostname", "gpu-node-7\n");
  tree.file("/etc/os-release", "ID=x\nPRETTY_NAME=\"openEuler 2.0\"\n");
  const Collected got = collect_boot(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kUptimeDays), "66.6");
  EXPECT_EQ(value_of(got, fact::kKernel), "6.6.0");
  EXPECT_EQ(value_of(got, fact::kHostname), "gpu-node-7");
  EXPECT_EQ(value_of(got, fact::kOs), "openEuler 2.0");
  tree.file("/proc/uptime", "soon");
  EXPECT_EQ(collect_boot(host_of(tree)).gaps.size(), 1u);
}

TEST(DriverSource, LoadedModuleAndItsFlavour) {
  TempTree tree;
  tree.file("/proc/modules",
            "nvidia_uvm 1 0 - Live 0x0 (POE)\n"
            "nvidia 62435328 80 nvidia_uvm, Live 0x0 (OE)\n");
  tree.file("/sys/module/nvidia/version", "570.158.01\n");
  Collected got = collect_driver(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kDriver), "570.158.01");
  EXPECT_EQ(value_of(got, fact::kModule), "open");
  EXPECT_EQ(value_of(got, fact::kModuleLoaded), "true");
  EXPECT_EQ(value_of(got, fact::kModuleOnDisk), "-");
  EXPECT_TRUE(got.gaps.empty());
  tree.file("/proc/modules", "nvidia 1 0 - Live 0x0 (POE)\n");
  got = collect_driver(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kModule), "proprietary");
}

TEST(DriverSource, NotLoadedIsKnownAndUnreadableIsAGap) {
  TempTree tree;
  EXPECT_EQ(collect_driver(host_of(tree)).gaps.size(), 1u);
  tree.file("/proc/modules", "nouveau 1 0 - Live 0x0\n");
  tree.file("/proc/sys/kernel/osrelease", "6.6.0\n");
  tree.file("/lib/modules/6.6.0/modules.dep",
            "kernel/nvidiafb.ko:\nupdates/dkms/nvidia.ko.xz: kernel/i2c.ko\n");
  Collected got = collect_driver(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kModuleLoaded), "false");
  EXPECT_EQ(value_of(got, fact::kDriver), "-");
  EXPECT_EQ(value_of(got, fact::kModuleOnDisk), "present");
  tree.file("/lib/modules/6.6.0/modules.dep", "kernel/nvidiafb.ko:\n");
  got = collect_driver(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kModuleOnDisk), "absent");
}

TEST(DriverSource, FindsTheModuleInDepmodsList) {
  EXPECT_EQ(find_in_modules_dep("a/x.ko: b/nvidia.ko c/y.ko\n"), "b/nvidia.ko");
  EXPECT_EQ(find_in_modules_dep("b/nvidia.ko.zst: c/y.ko"), "b/nvidia.ko.zst");
  EXPECT_EQ(find_in_modules_dep("b/nvidia-uvm.ko:"), "");
}

// A module with a .modinfo and nothing else.
std::string module_with(std::string_view modinfo) {
  const std::string names("\0.modinfo\0.shstrtab\0", 20);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  header.e_shoff = sizeof header;
  Elf64_Shdr sections[3] = {};
  const size_t data = sizeof header + sizeof sections;
  sections[1].sh_name = 1;
  sections[1].sh_type = SHT_PROGBITS;
  sections[1].sh_offset = data;
  sections[1].sh_size = modinfo.size();
  sections[2].sh_name = 10;
  sections[2].sh_type = SHT_STRTAB;
  sections[2].sh_offset = data + modinfo.size();
  sections[2].sh_size = names.size();
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  file.append(reinterpret_cast<const char*>(sections), sizeof sections);
  return file.append(modinfo) + names;
}

TEST(ModuleFile, VersionFromModinfoAndNoCrashOnACutFile) {
  using namespace std::string_view_literals;
  TempTree tree;
  const std::string file = module_with("license=x\0version=570.9\0"sv);
  const auto root = host::Root::open(tree.path());
  const auto version = [&](std::string_view content) {
    tree.file("/nvidia.ko", content);
    const auto fd = root->open_file("/nvidia.ko", O_RDONLY);
    return module_version(fd->get());
  };
  EXPECT_EQ(version(file), "570.9");
  for (size_t size = 0; size < file.size(); size += 11) {
    EXPECT_FALSE(version(file.substr(0, size)).has_value()) << size;
  }
  std::string odd = file;
  odd[offsetof(Elf64_Ehdr, e_shnum) + 1] = '\xff';
  EXPECT_FALSE(version(odd).has_value());
}

TEST(LibrarySource, FoundWithTheVersionBehindItsLinks) {
  TempTree tree;
  tree.file("/usr/lib64/libnvidia-ml.so.570.158.01", "");
  tree.link("/usr/lib64/libnvidia-ml.so.1", "libnvidia-ml.so.570.158.01");
  const Collected got = collect_library(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kLibraryState), "found");
  EXPECT_EQ(value_of(got, fact::kLibrary), "570.158.01");
  const auto library = find_library(host_of(tree), {});
  EXPECT_EQ(library->path, tree.path() + "/usr/lib64/libnvidia-ml.so.1");
  EXPECT_EQ(library->inside, "/usr/lib64/libnvidia-ml.so.1");
}

TEST(LibrarySource, AbsentAndALinkThatLeadsNowhere) {
  TempTree tree;
  tree.link("/usr/lib64/libnvidia-ml.so.1", "libnvidia-ml.so.570.158.01");
  EXPECT_EQ(value_of(collect_library(host_of(tree)), fact::kLibraryState),
            "absent");
}

TEST(LibrarySource, DriverRootsAndAbsoluteLinksInThem) {
  TempTree tree;
  const std::string driver = "/run/nvidia/driver";
  tree.file(driver + "/opt/libnvidia-ml.so.580.65.06", "");
  tree.link(driver + "/usr/lib64/libnvidia-ml.so.1",
            "/opt/libnvidia-ml.so.580.65.06");
  tree.file("/opt/gpu/lib64/libnvidia-ml.so.1", "");
  const host::Host host = host_of(tree);
  EXPECT_EQ(find_library(host, {})->version, "580.65.06");
  EXPECT_EQ(find_library(host, "/run/nvidia/driver/")->inside,
            driver + "/opt/libnvidia-ml.so.580.65.06");
  EXPECT_EQ(find_library(host, "/opt/gpu")->version, "");
  EXPECT_FALSE(find_library(host, "/opt/none").has_value());
}

TEST(LibrarySource, FoldersOfTheDynamicLinker) {
  TempTree tree;
  tree.file("/etc/ld.so.conf.d/gpu.conf", "# x\n/opt/odd\n");
  tree.file("/opt/odd/libnvidia-ml.so.1", "");
  EXPECT_TRUE(find_library(host_of(tree), {}).has_value());
}

TEST(PciSource, CountsGpusAndNamesTheirDrivers) {
  TempTree tree;
  const auto device = [&tree](const std::string& address, const char* vendor,
                              const char* device_class, const char* id) {
    const std::string real = "/sys/devices/pci0000:00/" + address;
    tree.file(real + "/vendor", vendor).file(real + "/class", device_class);
    tree.file(real + "/device", id).file(real + "/numa_node", "1\n");
    tree.link("/sys/bus/pci/devices/" + address,
              "../../../devices/pci0000:00/" + address);
    return real;
  };
  const auto first = device("0000:0F:00.0", "0x10de\n", "0x030200", "0x2329");
  tree.link(first + "/driver", "../../../bus/pci/drivers/nouveau");
  device("0000:10:00.0", "0x10de\n", "0x030000\n", "0xfffe");
  device("0000:11:00.0", "0x10de\n", "0x068000\n", "0x22a3");
  device("0000:12:00.0", "0x8086\n", "0x030000\n", "0x1");
  const Collected got = collect_pci(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kPciGpus), "2");
  EXPECT_EQ(value_of(got, fact::kPciDriver, "0000:0f:00.0"), "nouveau");
  EXPECT_EQ(value_of(got, fact::kPciDriver, "0000:10:00.0"), "none");
  EXPECT_EQ(value_of(got, fact::kGpu, "0000:0f:00.0"), "NVIDIA H20");
  EXPECT_EQ(value_of(got, fact::kGpu, "0000:10:00.0"), "-");
  EXPECT_EQ(value_of(got, fact::kPciDriver, "0000:12:00.0"), "-");
  EXPECT_TRUE(got.gaps.empty());
}

TEST(PciSource, NoSysIsAGapAndNoPciIsNone) {
  TempTree tree;
  EXPECT_EQ(collect_pci(host_of(tree)).gaps.size(), 1u);
  tree.directory("/sys/bus");
  const Collected got = collect_pci(host_of(tree));
  EXPECT_TRUE(got.gaps.empty());
  EXPECT_EQ(value_of(got, fact::kPciGpus), "0");
}

TEST(GpuModels, KnowsTheOnesOfTheIncidents) {
  EXPECT_EQ(model_of_pci_id(0x2901), "NVIDIA B200");
  EXPECT_EQ(model_of_pci_id(0x2329), "NVIDIA H20");
  EXPECT_EQ(model_of_pci_id(0x1b06), "NVIDIA GeForce GTX 1080 Ti");
  EXPECT_EQ(model_of_pci_id(0), "");
}

TEST(NodesSource, CountsNodesAndReadsTheMajor) {
  TempTree tree;
  tree.file("/proc/devices",
            "Character devices:\n  1 mem\n195 nvidia\n"
            "\nBlock devices:\n  7 nvidia\n");
  for (const char* name : {"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"}) {
    tree.file(std::string("/dev/") + name, "");
  }
  tree.file("/dev/nvidia-caps/nvidia-cap1", "");
  Collected got = collect_nodes(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kDeviceNodes), "2");
  EXPECT_EQ(value_of(got, fact::kDeviceMajor), "195");
  EXPECT_EQ(value_of(got, fact::kMig), "-");
  tree.file("/dev/nvidia-caps/nvidia-cap12", "");
  EXPECT_EQ(value_of(collect_nodes(host_of(tree)), fact::kMig), "mixed");
  tree.file("/dev/nvidia-caps/nvidia-cap138", "");
  EXPECT_EQ(value_of(collect_nodes(host_of(tree)), fact::kMig), "all");
}

TEST(NodesSource, MinorsOfMigInstances) {
  EXPECT_FALSE(gpu_of_cap(2).has_value());
  EXPECT_EQ(gpu_of_cap(3), 0);
  EXPECT_EQ(gpu_of_cap(137), 0);
  EXPECT_EQ(gpu_of_cap(138), 1);
}

TEST(SoftwareSource, VersionsFromFileNames) {
  TempTree tree;
  tree.file("/usr/lib/systemd/libsystemd-shared-252.19-1.el9.so", "");
  tree.file("/sys/fs/cgroup/cgroup.controllers", "cpu");
  const Collected got = collect_software(host_of(tree));
  EXPECT_EQ(value_of(got, fact::kSystemd), "252");
  EXPECT_EQ(value_of(got, fact::kCgroup), "v2");
}

TEST(CollectAll, EverySourceIsAskedOnTheMachineItself) {
  const auto host = host::Host::open({"/", "/tmp"});
  const Collection got = collect_all(*host);
  EXPECT_EQ(got.times.size(), sources().size());
  for (const Evidence& item : got.evidence) {
    EXPECT_FALSE(item.source.empty());
    EXPECT_FALSE(item.text.empty() && !item.key.empty()) << item.key;
  }
}

TEST(CollectAll, AnEmptyTreeGivesGapsAndNoCrash) {
  TempTree tree;
  const Collection got = collect_all(host_of(tree));
  EXPECT_GE(got.gaps.size(), 4u);
}

}  // namespace
}  // namespace gpuward::evidence
