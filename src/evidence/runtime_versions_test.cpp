#include "evidence/runtime_versions.h"

#include <gtest/gtest.h>

#include "evidence/gpu_operator.h"
#include "evidence/packages.h"
#include "evidence/reloads.h"
#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

std::string value_of(const Collected& collected, std::string_view key) {
  for (const Evidence& item : collected.evidence) {
    if (item.key == key) return to_text(item.value);
  }
  return "-";
}

Collected versions_of(const TempTree& tree) {
  const auto host = host::Host::open({tree.path(), "/run"});
  return collect_runtime_versions(*host);
}

std::string package(const std::string& name, const std::string& version,
                    const std::string& status = "install ok installed") {
  return "Package: " + name + "\nStatus: " + status +
         "\nDepends: runc\nVersion: " + version + "\nDescription: x\n y\n\n";
}

TEST(Packages, VersionOfAnInstalledOne) {
  const std::string status = package("runc-doc", "9") +
                             package("runc", "8", "deinstall ok config-files") +
                             package("runc", "1.1.5+ds1-1+deb12u1");
  EXPECT_EQ(package_version(status, "runc"), "1.1.5+ds1-1+deb12u1");
  EXPECT_EQ(package_version(status, "crun"), std::nullopt);
}

TEST(Packages, PlainVersion) {
  EXPECT_EQ(plain_version("5:24.0.7-1~debian.12~bookworm"), "24.0.7");
  EXPECT_EQ(plain_version("20.10.24+dfsg1"), "20.10.24");
  EXPECT_EQ(plain_version("v1.7.2"), "1.7.2");
  EXPECT_EQ(plain_version("1.1.0-rc.1"), "1.1.0");
  EXPECT_EQ(plain_version("abc"), "");
}

TEST(RuntimeVersions, FromWhatProgramsPrint) {
  EXPECT_EQ(version_in("runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1\n"),
            "1.1.5");
  EXPECT_EQ(version_in("crun version 1.8.1\ncommit: 1.8.1\n"), "1.8.1");
  EXPECT_EQ(version_in("Docker version 20.10.24+dfsg1, build 5d6db84\n"),
            "20.10.24");
  EXPECT_EQ(version_in("containerd github.com/containerd/containerd "
                       "1.6.20~ds1 1.6.20~ds1-1+deb12u3\n"),
            "1.6.20");
  EXPECT_EQ(version_in("containerd github.com/containerd/containerd/v2 v2.0.1 "
                       "88aa2f531d6c2922003cc7929e51daf1c14caa0a\n"),
            "2.0.1");
  EXPECT_EQ(version_in("NVIDIA Container Toolkit CLI version 1.14.3\n"),
            "1.14.3");
  EXPECT_EQ(version_in("no number"), "");
}

TEST(RuntimeVersions, OfACopiedRootByItsPackages) {
  TempTree tree;
  tree.file("/var/lib/dpkg/status",
            package("runc", "1.1.5+ds1-1+deb12u1") +
                package("docker-ce", "5:24.0.7-1~debian.12~bookworm") +
                package("nvidia-container-toolkit-base", "1.14.3-1"));
  // Never run: it is another machine's.
  tree.file("/usr/bin/crun", "#!/bin/sh\necho crun version 9.9.9\n");
  tree.file("/usr/lib64/systemd/libsystemd-shared-252.so", "");
  const Collected got = versions_of(tree);
  EXPECT_EQ(value_of(got, fact::kRunc), "1.1.5");
  EXPECT_EQ(value_of(got, fact::kDocker), "24.0.7");
  EXPECT_EQ(value_of(got, fact::kToolkit), "1.14.3");
  EXPECT_EQ(value_of(got, fact::kCrun), "-");
  EXPECT_EQ(value_of(got, fact::kContainerd), "-");
  EXPECT_EQ(value_of(got, fact::kDevCharLinksNeeded), "true");
  EXPECT_EQ(got.evidence[0].text,
            "runc 1.1.5+ds1-1+deb12u1 (Debian package "
            "runc)");
  // One in /usr/local comes first, and is nobody's package.
  tree.file("/usr/local/sbin/runc", "");
  EXPECT_EQ(value_of(versions_of(tree), fact::kRunc), "-");
}

TEST(RuntimeVersions, RpmIsAGapAndNothingIsNothing) {
  TempTree tree;
  EXPECT_TRUE(versions_of(tree).gaps.empty());
  tree.directory("/var/lib/rpm");
  EXPECT_EQ(versions_of(tree).gaps.size(), 1u);
}

TEST(RuntimeVersions, OfThisMachineInTime) {
  const auto host = host::Host::open({"/", "/run"});
  const Boot started = BootClock::now();
  const Collected got = collect_runtime_versions(*host);
  EXPECT_LT(BootClock::now() - started, 4s);
  for (const Evidence& item : got.evidence) EXPECT_FALSE(item.text.empty());
}

TEST(LinksNeeded, ByVersions) {
  const auto needed = [](std::string_view runc, std::string_view systemd) {
    const auto links = links_needed(runc, systemd);
    return links ? (links->needed ? "yes" : "no") : "unknown";
  };
  EXPECT_STREQ(needed("1.1.2", "252"), "no");
  EXPECT_STREQ(needed("1.1.3", "252"), "yes");
  EXPECT_STREQ(needed("1.1.6", ""), "yes");
  EXPECT_STREQ(needed("1.1.7", "252"), "no");
  EXPECT_STREQ(needed("1.1.12", "239"), "yes");
  EXPECT_STREQ(needed("", "239"), "yes");
  EXPECT_STREQ(needed("", "252"), "unknown");
  EXPECT_STREQ(needed("1.2.0", ""), "unknown");
  EXPECT_STREQ(needed("1.1", "252"), "no");
}

TEST(GpuOperator, VersionAndSwitch) {
  const std::string kBundle =
      "/run/containerd/io.containerd.runtime.v2.task/k8s.io/";
  const auto of = [](const TempTree& tree) {
    const auto host = host::Host::open({tree.path(), "/run"});
    return collect_gpu_operator(*host);
  };
  TempTree tree;
  EXPECT_TRUE(of(tree).evidence.empty());
  // Somebody else's container says nothing about the operator.
  tree.file(kBundle + "a/config.json",
            R"({"annotations":{"io.kubernetes.cri.image-name":"x/evil:v1"},)"
            R"("process":{"env":["DISABLE_DEV_CHAR_SYMLINK_CREATION=true"]}})");
  EXPECT_TRUE(of(tree).evidence.empty());
  tree.file(kBundle + "b/config.json",
            R"({"annotations":{"io.kubernetes.cri.image-name":)"
            R"("nvcr.io/nvidia/cloud-native/gpu-operator-validator:v23.9.1"},)"
            R"("process":{"env":["A=b",)"
            R"("DISABLE_DEV_CHAR_SYMLINK_CREATION=true"]}})");
  tree.file(kBundle + "c/config.json", "gpu-operator {");
  const Collected got = of(tree);
  EXPECT_EQ(value_of(got, fact::kGpuOperator), "23.9.1");
  EXPECT_EQ(value_of(got, fact::kDevCharLinksDisabled), "true");
}

JournalLine line_at(int second, const std::string& text) {
  return {Wall(Millis(second * 1000)), text};
}

TEST(Reloads, OldAndNewWords) {
  const auto old =
      reloads_in({line_at(1, "Started foo.service."), line_at(2, "Reloading."),
                  line_at(3, "Reexecuting.")});
  ASSERT_EQ(old.size(), 2u);
  EXPECT_EQ(old[0].when, Wall(2s));
  EXPECT_EQ(old[0].who, "");
  EXPECT_TRUE(old[1].reexec);

  const auto newer = reloads_in(
      {line_at(1,
               "Reloading requested from client PID 812 ('apt') (unit "
               "apt-daily.service)..."),
       line_at(2, "Reloading..."), line_at(3, "Reloading finished in 98 ms."),
       line_at(50, "Reload requested from client PID 9 ('systemctl')..."),
       line_at(51, "Reloading..."), line_at(90, "Reloading...")});
  ASSERT_EQ(newer.size(), 3u);
  EXPECT_EQ(newer[0].who, "PID 812 ('apt'), unit apt-daily.service");
  EXPECT_EQ(newer[0].when, Wall(2s));
  EXPECT_EQ(newer[1].who, "PID 9 ('systemctl')");
  EXPECT_EQ(newer[2].who, "");
}

TEST(Reloads, OtherRequestsAreNone) {
  EXPECT_TRUE(reloads_in({line_at(1, "Reboot requested from client PID 9"),
                          line_at(2, "Reloading finished in 98 ms."),
                          line_at(3, "nginx.service: Reloading.")})
                  .empty());
}

TEST(Reloads, InWords) {
  Reload reload;
  reload.when = Wall(2s);
  EXPECT_EQ(in_words(reload), "systemd reloaded at " + to_clock(Wall(2s)));
  reload.who = "PID 812 ('apt')";
  EXPECT_TRUE(in_words(reload).ends_with(", asked for by PID 812 ('apt')"));
}

TEST(Reloads, NoJournalIsNothing) {
  TempTree tree;
  tree.file("/proc/sys/kernel/random/boot_id",
            "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f\n");
  const auto host = host::Host::open({tree.path(), "/run"});
  EXPECT_TRUE(collect_reloads(*host).evidence.empty());
  EXPECT_TRUE(collect_reloads(*host).gaps.empty());
}

}  // namespace
}  // namespace gpuward::evidence
