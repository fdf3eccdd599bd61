// A whole bundle of a machine made of files, with secrets in all of them.
#include "bundle/take.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "bundle/archive.h"
#include "bundle/planted_for_tests.h"
#include "bundle/read.h"
#include "bundle/redact.h"
#include "logs/file_bytes.h"
#include "logs/tar.h"
#include "support/temp_tree.h"

namespace gpuward::bundle {
namespace {

// Files that go into a bundle as they are.
const std::vector<std::string>& text_files() {
  static const std::vector<std::string> kFiles = {
      "/proc/cmdline",
      "/etc/modprobe.d/nvidia.conf",
      "/etc/nvidia-container-runtime/config.toml",
      "/etc/cdi/nvidia.yaml",
      "/etc/docker/daemon.json",
      "/etc/containerd/config.toml",
      "/etc/crio/crio.conf",
      "/etc/crio/crio.conf.d/10-x.conf",
      "/etc/containers/registries.conf",
      "/var/lib/kubelet/config.yaml",
      "/var/lib/kubelet/kubeadm-flags.env",
      "/etc/default/kubelet",
      "/etc/default/docker",
      "/etc/sysconfig/kubelet",
      "/etc/rancher/k3s/config.yaml",
      "/etc/systemd/system/docker.service",
      "/etc/systemd/system/docker.service.d/http-proxy.conf",
      "/etc/systemd/system/kubelet.service.d/20-x.conf",
      "/usr/lib/systemd/system/containerd.service",
      "/usr/lib/systemd/system/nvidia-persistenced.service",
      "/run/systemd/transient/docker-abc.scope",
      "/var/log/fabricmanager.log",
      "/var/log/nvidia-container-runtime.log",
      "/sys/module/nvidia/parameters/x",
  };
  return kFiles;
}

// What must not be collected at all, whatever stands in it.
const std::vector<std::string>& forbidden_files() {
  static const std::vector<std::string> kFiles = {
      "/root/.docker/config.json",
      "/var/lib/kubelet/config.json",
      "/etc/kubernetes/admin.conf",
      "/etc/kubernetes/kubelet.conf",
      "/var/lib/kubelet/pki/kubelet.key",
      "/etc/containers/auth.json",
      "/run/containers/0/auth.json",
      "/etc/nvidia/ClientConfigToken/client.tok",
      "/etc/shadow",
  };
  return kFiles;
}

std::string all_planted() {
  std::string text;
  for (const std::string& harmless : harmless_texts()) text += harmless + "\n";
  for (const Planted& planted : planted_secrets()) text += planted.text + "\n";
  return text;
}

// Kernel lines hold one line each; a block of YAML is none.
std::string kmsg() {
  std::string text;
  int number = 0;
  const auto add = [&](const std::string& line) {
    if (line.find('\n') != std::string::npos) return;
    // A value of several words without quotes is YAML's, and has its own line.
    if (line.ends_with("more words")) return;
    text += "6," + std::to_string(number) + "," +
            std::to_string(1000 * number) + ",-;" + line + "\n";
    ++number;
  };
  for (const std::string& harmless : harmless_texts()) add(harmless);
  for (const Planted& planted : planted_secrets()) add(planted.text);
  return text;
}

std::map<std::string, std::string> members_of(const TempTree& tree,
                                              const std::string& packed) {
  const std::string path = tree.path() + "/packed.tar.gz";
  EXPECT_TRUE(write_new_file(path, packed));
  auto file = logs::FileBytes::open(path, BootClock::now() + 1min);
  const auto bytes =
      logs::unpacked(std::make_unique<logs::Buffered>(std::move(*file)), path);
  logs::TarReader tar(*bytes);
  std::map<std::string, std::string> out;
  while (true) {
    const auto member = tar.next();
    if (!member || !*member) return out;
    std::string text(static_cast<size_t>((*member)->size), '\0');
    for (size_t have = 0; have < text.size();) {
      const auto got = tar.read(text.data() + have, text.size() - have);
      if (!got || *got == 0) break;
      have += *got;
    }
    out[(*member)->name.substr((*member)->name.find('/') + 1)] = text;
  }
}

struct Bundled {
  Taken taken;
  std::map<std::string, std::string> members;
  Seen seen;
};

Bundled bundle_of(const TempTree& machine, const TempTree& other,
                  Millis budget = 1min) {
  auto host =
      host::Host::open({.root = machine.path(), .run_dir = other.path()});
  EXPECT_TRUE(host);
  Bundled out;
  out.seen.gathered =
      gather_aside(*host, 1min, [](const std::string&) { return true; });
  out.seen.snapshot = examine::unprobed_snapshot(*host, "a test", wall_now());
  out.seen.now = wall_now();
  auto taken = take(*host, out.seen, Json::object(),
                    {.version = "1", .until = BootClock::now() + budget}, {});
  EXPECT_TRUE(taken);
  out.taken = std::move(*taken);
  out.members = members_of(other, out.taken.packed);
  return out;
}

void plant(TempTree& machine) {
  const std::string secrets = all_planted();
  for (const std::string& path : text_files()) machine.file(path, secrets);
  for (const std::string& path : forbidden_files()) {
    machine.file(path, "hunter2-forbidden");
  }
  machine.file("/dev/kmsg", kmsg())
      .file("/proc/uptime", "1000.0 1.0\n")
      .file("/proc/sys/kernel/random/boot_id", "1-2-3\n")
      .file("/proc/sys/kernel/hostname", "gpu-07\n")
      .file("/proc/modules", "nvidia 1 0 - Live 0x0 (POE)\n");
}

TEST(Take, NoPlantedSecretIsInIt) {
  TempTree machine, other;
  plant(machine);
  const Bundled bundled = bundle_of(machine, other);
  for (const auto& [name, text] : bundled.members) {
    for (const Planted& planted : planted_secrets()) {
      EXPECT_EQ(text.find(planted.secret), std::string::npos)
          << planted.text << " in " << name;
    }
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << name;
  }
}

// Each line by itself is a word or two of base64.
TEST(Take, AKeyThatWasLoggedLineByLineIsNotInIt) {
  TempTree machine, other;
  machine
      .file("/dev/kmsg",
            "6,1,1000,-;tool: -----BEGIN PRIVATE KEY-----\n"
            "6,2,2000,-;tool: gtD7fGUOv8fwNfBb0jXxUJR4QQ\n"
            "6,3,3000,-;NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen.\n"
            "6,4,4000,-;tool: aVVloZaXZx==\n"
            "6,5,5000,-;tool: -----END PRIVATE KEY-----\n"
            "6,6,6000,-;tool: done\n")
      .file("/proc/uptime", "1000.0 1.0\n")
      .file("/proc/sys/kernel/random/boot_id", "1-2-3\n");
  const Bundled bundled = bundle_of(machine, other);
  for (const auto& [name, text] : bundled.members) {
    EXPECT_EQ(text.find("gtD7"), std::string::npos) << name;
    EXPECT_EQ(text.find("aVVl"), std::string::npos) << name;
  }
  const std::string& evidence = bundled.members.at("evidence.json");
  EXPECT_NE(evidence.find("GPU has fallen"), std::string::npos);
  EXPECT_NE(evidence.find("tool: done"), std::string::npos);
}

TEST(Take, EveryPlantedFileIsInItAndItsHarmlessTextStays) {
  TempTree machine, other;
  plant(machine);
  const Bundled bundled = bundle_of(machine, other);
  for (const std::string& path : text_files()) {
    const auto found = bundled.members.find("files" + path);
    ASSERT_NE(found, bundled.members.end()) << path;
    for (const std::string& harmless : harmless_texts()) {
      EXPECT_NE(found->second.find(harmless), std::string::npos)
          << harmless << " in " << path;
    }
    EXPECT_NE(found->second.find(kLeftOut), std::string::npos) << path;
  }
  const std::string& log = bundled.members.at("logs/kernel.log");
  EXPECT_NE(log.find("Xid (PCI:0000:3b:00): 79"), std::string::npos);
  EXPECT_NE(bundled.members.at("logs/nvrm.log").find("79, pid=1234"),
            std::string::npos);
  EXPECT_NE(bundled.members.at("evidence.json").find("GPU-4c3a8a52"),
            std::string::npos);
}

TEST(Take, ReadBackItIsWhatWasSeen) {
  TempTree machine, other;
  plant(machine);
  const Bundled bundled = bundle_of(machine, other);
  const auto seen =
      read_bundle(other.path() + "/packed.tar.gz", BootClock::now() + 1min);
  ASSERT_TRUE(seen) << seen.error().text;
  EXPECT_EQ(seen->now, bundled.seen.now);
  EXPECT_EQ(seen->gathered.evidence.size(),
            bundled.seen.gathered.evidence.size());
  EXPECT_TRUE(
      is_bundle(other.path() + "/packed.tar.gz", BootClock::now() + 1min));
}

TEST(Take, TheIndexSaysWhatIsMissingAndWhy) {
  TempTree machine, other;
  plant(machine);
  const Bundled bundled = bundle_of(machine, other);
  std::map<std::string, std::string> missing;
  for (const Json& row : bundled.taken.index["missing"].as_array()) {
    missing[std::string(row["name"].as_string())] = row["why"].as_string();
  }
  // A copy of a machine: neither its driver nor its programs are asked.
  EXPECT_NE(missing["tools"].find("cannot be run"), std::string::npos);
  EXPECT_NE(missing["files/proc/driver/nvidia"].find("not this machine"),
            std::string::npos);
  EXPECT_TRUE(missing.contains("boots.txt: wtmp"));
  EXPECT_EQ(bundled.taken.index["pieces"].as_array().size() + 2,
            bundled.members.size());
}

TEST(Take, OfALongLogItHasTheEnd) {
  TempTree machine, other;
  std::string log = "the first line\n";
  while (log.size() < (2 << 20)) log += "one line among many\n";
  machine.file("/var/log/fabricmanager.log", log + "the last line\n");
  const Bundled bundled = bundle_of(machine, other);
  const std::string& text =
      bundled.members.at("files/var/log/fabricmanager.log");
  EXPECT_TRUE(text.ends_with("the last line\n"));
  EXPECT_LE(text.size(), size_t{512} << 10);
  EXPECT_NE(bundled.members.at("index.txt").find("fabricmanager.log  (cut)"),
            std::string::npos);
}

TEST(Take, WithoutTimeItStillHasTheEvidence) {
  TempTree machine, other;
  plant(machine);
  const Bundled bundled = bundle_of(machine, other, 0ms);
  EXPECT_TRUE(bundled.members.contains("evidence.json"));
  EXPECT_TRUE(bundled.members.contains("snapshot.json"));
  EXPECT_FALSE(bundled.members.contains("pci.txt"));
  const std::string& index = bundled.members.at("index.txt");
  EXPECT_NE(index.find("not collected"), std::string::npos) << index;
}

TEST(Take, OfAnEmptyTreeItTellsWhatThereIsNot) {
  TempTree machine, other;
  const Bundled bundled = bundle_of(machine, other);
  EXPECT_TRUE(bundled.members.contains("evidence.json"));
  EXPECT_GT(bundled.taken.missing, 0U);
  EXPECT_TRUE(bundled.taken.name.starts_with("gpuward-bundle-"));
}

TEST(Take, ANameOfAHostIsNoPath) {
  TempTree machine, other;
  machine.file("/proc/sys/kernel/hostname", "../../etc/x y\n");
  const Bundled bundled = bundle_of(machine, other);
  EXPECT_EQ(bundled.taken.name.find('/'), std::string::npos);
  EXPECT_EQ(bundled.taken.name.find(' '), std::string::npos);
}

}  // namespace
}  // namespace gpuward::bundle
