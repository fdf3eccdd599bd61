#include "agent/cgroup_driver.h"

#include <gtest/gtest.h>

#include "model/json.h"
#include "support/temp_tree.h"

namespace gpuward::agent {
namespace {

const std::string kDaemon = "/etc/docker/daemon.json";
const std::string kContainerdFile = "/etc/containerd/config.toml";
const std::string kOptions =
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc."
    "options]\n";

class Node {
 public:
  Node()
      : host_(*host::Host::open({tree.path(), tree.path() + "/run/gpuward"})) {
    tree.directory("/run/gpuward");
  }

  CgroupDriverPlan plan() const {
    return plan_cgroup_driver(evidence::ConfigFiles(host_.evidence));
  }
  const host::Host& host() const { return host_; }
  std::string text(const std::string& path) const {
    return host_.evidence.read(path).value_or("-");
  }
  void carry_out(const Plan& plan) const {
    for (const Step& step : plan.steps) {
      const auto checked = action::edit_file::check(host_, step);
      ASSERT_TRUE(checked.has_value()) << checked.error().text;
      const auto ran = action::edit_file::run(host_, step);
      ASSERT_TRUE(ran.has_value()) << ran.error().text;
      const auto verified = action::edit_file::verify(host_, step);
      ASSERT_TRUE(verified.has_value()) << verified.error().text;
    }
  }
  void docker(const std::string& config) {
    tree.file("/usr/bin/dockerd", "").file(kDaemon, config);
  }
  void docker_on_v2() {
    tree.file("/usr/bin/dockerd", "")
        .file("/sys/fs/cgroup/cgroup.controllers", "")
        .directory("/run/systemd/system");
  }
  void containerd(const std::string& config) {
    tree.file("/usr/bin/containerd", "").file(kContainerdFile, config);
  }

  TempTree tree;

 private:
  host::Host host_;
};

std::vector<ledger::LedgerEntry> ledger_of(const Plan& plan) {
  std::vector<ledger::LedgerEntry> out;
  for (const Step& step : plan.steps) {
    ledger::LedgerEntry entry;
    entry.kind = "outcome";
    entry.what = to_json(Outcome{Outcome::State::done, step, "", Millis{0}});
    out.push_back(std::move(entry));
  }
  return out;
}

bool says(const std::vector<std::string>& lines, std::string_view what) {
  for (const std::string& line : lines) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

std::string why(const CgroupDriverPlan& plan) {
  return plan.plan.refusals.empty() ? "" : plan.plan.refusals[0].why;
}

TEST(CgroupDriver, NoRuntimeIsNothingToDo) {
  Node node;
  EXPECT_EQ(node.plan().plan, Plan{});
  EXPECT_EQ(diff_of(node.plan()), "");
}

TEST(CgroupDriver, CgroupfsIsNothingToDo) {
  Node node;
  node.docker(R"({"exec-opts": ["native.cgroupdriver=cgroupfs"]})");
  node.containerd("version = 2\n" + kOptions + "SystemdCgroup = false\n");
  const CgroupDriverPlan plan = node.plan();
  EXPECT_EQ(plan.plan, Plan{});
  EXPECT_EQ(plan.as_it_is.size(), 2u);
}

TEST(CgroupDriver, DockersFileIsEdited) {
  Node node;
  node.docker_on_v2();
  node.docker("{\n  \"live-restore\": true,\n  \"x\": 1\n}\n");
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.plan.steps.size(), 1u);
  EXPECT_EQ(diff_of(plan),
            "--- /etc/docker/daemon.json\n+++ /etc/docker/daemon.json\n"
            "@@ -1,4 +1,5 @@\n {\n   \"live-restore\": true,\n-  \"x\": 1\n"
            "+  \"x\": 1,\n"
            "+  \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"]\n }\n");
  EXPECT_TRUE(says(plan.then, "systemctl restart docker: leaves containers"));
  EXPECT_TRUE(says(plan.then, "make the containers anew"));
  EXPECT_TRUE(says(plan.warnings, "recommends the systemd driver"));
  node.carry_out(plan.plan);
  EXPECT_EQ(node.text(kDaemon), *plan.changes[0].after);
  EXPECT_TRUE(node.plan().plan.steps.empty());
}

TEST(CgroupDriver, WithoutAFileOneIsMade) {
  Node node;
  node.docker_on_v2();
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.changes.size(), 1u);
  EXPECT_FALSE(plan.changes[0].before.has_value());
  EXPECT_TRUE(diff_of(plan).starts_with("--- /dev/null\n"));
  EXPECT_TRUE(says(plan.then, "stops all of its containers"));
  node.carry_out(plan.plan);
  EXPECT_TRUE(says(node.plan().as_it_is, "cgroupfs"));

  const CgroupDriverPlan undo =
      plan_cgroup_driver_undo(node.host(), ledger_of(plan.plan));
  node.carry_out(undo.plan);
  EXPECT_EQ(node.text(kDaemon), "-");
}

TEST(CgroupDriver, BrokenDaemonJsonIsRefusedWithThePlace) {
  Node node;
  node.docker_on_v2();
  node.docker("{\n\"a\": 1,\n}");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("line 3"), std::string::npos)
      << why(node.plan());
}

TEST(CgroupDriver, AFlagOfTheUnitIsNotOursToEdit) {
  Node node;
  node.docker("{}");
  node.tree.file("/etc/systemd/system/docker.service",
                 "[Service]\nExecStart=/usr/bin/dockerd "
                 "--exec-opt native.cgroupdriver=systemd\n");
  EXPECT_NE(why(node.plan()).find("docker.service"), std::string::npos);
}

TEST(CgroupDriver, EveryRuncRuntimeOfContainerd) {
  const std::string config =
      "version = 2 # mind\n" + kOptions +
      "SystemdCgroup = true\n"
      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia]\n"
      "runtime_type = \"io.containerd.runc.v2\"\n"
      "options = { BinaryName = \"n\", SystemdCgroup = true }\n";
  Node node;
  node.containerd(config);
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.plan.steps.size(), 1u) << why(plan);
  EXPECT_TRUE(says(plan.then, "containerd: leaves containers running"));
  node.carry_out(plan.plan);
  std::string wanted = config;
  for (int i = 0; i < 2; ++i) wanted.replace(wanted.find("true"), 4, "false");
  EXPECT_EQ(node.text(kContainerdFile), wanted);

  // And back again, to the last byte.
  const CgroupDriverPlan undo =
      plan_cgroup_driver_undo(node.host(), ledger_of(plan.plan));
  ASSERT_EQ(undo.plan.steps.size(), 1u);
  node.carry_out(undo.plan);
  EXPECT_EQ(node.text(kContainerdFile), config);
  // What has been taken back is not taken back again.
  std::vector<ledger::LedgerEntry> entries = ledger_of(undo.plan);
  for (ledger::LedgerEntry& entry : ledger_of(plan.plan))
    entries.push_back(entry);
  EXPECT_EQ(plan_cgroup_driver_undo(node.host(), entries).plan, Plan{});
}

TEST(CgroupDriver, TheImportThatDecidesIsEdited) {
  Node node;
  node.containerd("version = 2\nimports = [\"/etc/containerd/d/*.toml\"]\n");
  node.tree.file("/etc/containerd/d/n.toml",
                 kOptions + "SystemdCgroup = true\n");
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.changes.size(), 1u) << why(plan);
  EXPECT_EQ(plan.changes[0].path, "/etc/containerd/d/n.toml");
}

TEST(CgroupDriver, VersionsOneAndThree) {
  for (const std::string config :
       {"[plugins.cri]\nsystemd_cgroup = true\n",
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd."
        "runtimes.runc.options]\nSystemdCgroup = true\n"}) {
    Node node;
    node.containerd(config);
    const CgroupDriverPlan plan = node.plan();
    ASSERT_EQ(plan.plan.steps.size(), 1u) << config << why(plan);
    node.carry_out(plan.plan);
    EXPECT_TRUE(node.plan().plan.steps.empty());
  }
}

TEST(CgroupDriver, CrioGetsADropIn) {
  Node node;
  node.tree.file("/usr/bin/crio", "");
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.changes.size(), 1u) << why(plan);
  EXPECT_EQ(plan.changes[0].path,
            "/etc/crio/crio.conf.d/99-gpuward-cgroup-manager.conf");
  node.carry_out(plan.plan);
  EXPECT_TRUE(says(node.plan().as_it_is, "cri-o uses the cgroupfs"));
}

TEST(CgroupDriver, ADropInThatWouldNotDecideIsRefused) {
  Node node;
  node.tree.file("/usr/bin/crio", "")
      .file("/etc/crio/crio.conf.d/zz.conf",
            "[crio.runtime]\ncgroup_manager = \"systemd\"\n");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("zz.conf"), std::string::npos);
}

TEST(CgroupDriver, TheKubeletsDriverForbidsIt) {
  Node node;
  node.docker_on_v2();
  node.tree.file("/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("the kubelet uses the systemd cgroup driver"),
            std::string::npos);
  node.tree.file("/var/lib/kubelet/config.yaml", "kind: x\n");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("cannot be told"), std::string::npos);
  node.tree.file("/var/lib/kubelet/config.yaml", "cgroupDriver: cgroupfs\n");
  EXPECT_EQ(node.plan().plan.steps.size(), 1u);
}

TEST(CgroupDriver, UnknownIsRefusedNotEdited) {
  Node node;
  node.containerd("[[");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("not known"), std::string::npos);
}

TEST(CgroupDriver, ALinkIsNotEditedThrough) {
  Node node;
  node.docker_on_v2();
  node.tree.file("/srv/daemon.json", "{}").link(kDaemon, "/srv/daemon.json");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("is a link"), std::string::npos);
}

TEST(CgroupDriver, UndoShowsWhatSomebodyChangedSince) {
  Node node;
  node.docker_on_v2();
  node.docker("{\n  \"x\": 1\n}\n");
  const CgroupDriverPlan plan = node.plan();
  node.carry_out(plan.plan);
  node.tree.file(kDaemon, node.text(kDaemon) + "\n\n");
  const CgroupDriverPlan undo =
      plan_cgroup_driver_undo(node.host(), ledger_of(plan.plan));
  EXPECT_TRUE(undo.plan.steps.empty());
  EXPECT_NE(why(undo).find("changed by somebody since"), std::string::npos);
  EXPECT_NE(why(undo).find("@@ -2,3 +2,5 @@"), std::string::npos) << why(undo);
}

// dockerd ends with "specified both as a flag and in the configuration file".
TEST(CgroupDriver, AnExecOptInDockersUnitIsNotDoubled) {
  Node node;
  node.docker_on_v2();
  node.tree.file("/etc/systemd/system/docker.service",
                 "[Service]\nExecStart=/usr/bin/dockerd --exec-opt a=b\n");
  EXPECT_TRUE(node.plan().plan.steps.empty());
  EXPECT_NE(why(node.plan()).find("docker.service gives dockerd an --exec-opt"),
            std::string::npos)
      << why(node.plan());
}

TEST(CgroupDriver, ContainerdsUnitNamesItsFile) {
  Node node;
  node.tree.file("/usr/bin/containerd", "")
      .file("/etc/systemd/system/containerd.service",
            "[Service]\nExecStart=/usr/bin/containerd --config /srv/c.toml\n")
      .file("/srv/c.toml", kOptions + "SystemdCgroup = true\n");
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.changes.size(), 1u) << why(plan);
  EXPECT_EQ(plan.changes[0].path, "/srv/c.toml");
}

TEST(CgroupDriver, UndoNamesWhatToRestart) {
  Node node;
  node.docker_on_v2();
  node.containerd(kOptions + "SystemdCgroup = true\n");
  node.tree.file("/usr/bin/crio", "");
  const CgroupDriverPlan plan = node.plan();
  ASSERT_EQ(plan.plan.steps.size(), 3u) << why(plan);
  node.carry_out(plan.plan);
  const CgroupDriverPlan undo =
      plan_cgroup_driver_undo(node.host(), ledger_of(plan.plan));
  for (const char* service : {"docker", "containerd", "crio"}) {
    EXPECT_TRUE(says(undo.then, std::string("systemctl restart ") + service))
        << service;
  }
}

TEST(CgroupDriver, NothingHereIsSaid) {
  const Node node;
  EXPECT_TRUE(says(node.plan().as_it_is, "whose driver could be changed"));
  EXPECT_TRUE(says(plan_cgroup_driver_undo(node.host(), {}).as_it_is,
                   "nothing to take back"));
}

TEST(CgroupDriver, OnlyWhatWasDoneIsTakenBack) {
  Node node;
  node.docker_on_v2();
  std::vector<ledger::LedgerEntry> entries = ledger_of(node.plan().plan);
  ASSERT_EQ(entries.size(), 1u);
  entries[0].what.set("state", "undone");
  EXPECT_EQ(plan_cgroup_driver_undo(node.host(), entries).plan, Plan{});
}

}  // namespace
}  // namespace gpuward::agent
