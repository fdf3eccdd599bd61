#include "containers/inside.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "containers/inside_run.h"
#include "host/task.h"
#include "support/cgroup_tree.h"
#include "support/device_program.h"

namespace gpuward::containers {
namespace {

using Now = NodeAccess::Now;
using Version = CgroupTree::Version;

constexpr int kRead = BPF_DEVCG_ACC_READ;
constexpr int kAll = kRead | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

Grant grant_of(const std::string& path, unsigned minor_number,
               const std::string& access = "rw") {
  return {path, 195, minor_number, access, "OCI specification", ""};
}

// A cgroup with a process, "container", whose root is /container of the tree;
// the host's nodes are in the tree's /dev.
class InsideTest : public testing::TestWithParam<Version> {
 protected:
  InsideTest() : cgroups(GetParam()) {}

  void SetUp() override {
    if (!cgroups.why_not().empty()) GTEST_SKIP() << cgroups.why_not();
    cgroups.make("/scope");
    cgroups.tree().directory("/container/dev").directory("/container/proc");
    ASSERT_TRUE(cgroups.make_node("/dev/nvidia0", 195, 0));
    ASSERT_TRUE(cgroups.make_node("/dev/nvidiactl", 195, 255));
    container.grants = {grant_of("/dev/nvidia0", 0),
                        grant_of("/dev/nvidiactl", 255)};
    start();
  }

  void start() {
    container.pid =
        cgroups.start_process("/scope", cgroups.tree().path() + "/container");
    ASSERT_GT(container.pid, 0);
    const auto stat = host::task_stat(cgroups.host().evidence, container.pid);
    ASSERT_TRUE(stat.has_value());
    container.start_time = stat->start_time;
    container.cgroup = cgroups.cgroup("/scope");
    container.cgroup_folder = cgroups.folder("/scope");
    container.cgroup_v2 = GetParam() == Version::v2;
  }

  // Lets the container read 195:1 and nothing else of 195.
  void deny() {
    if (GetParam() == Version::v2) {
      ASSERT_TRUE(attach_device_program(
          systemd_program({{1, 3, kAll}, {195, 1, kRead}}), "sd_devices",
          cgroups.folder("/scope")));
      return;
    }
    ASSERT_TRUE(cgroups.write("/scope/devices.deny", "a"));
    ASSERT_TRUE(cgroups.write("/scope/devices.allow", "c 195:1 r"));
  }

  void look(Millis patience = 2s) {
    const auto done = look_inside(cgroups.host(), container, patience);
    ASSERT_TRUE(done.has_value()) << done.error().text;
    ASSERT_EQ(container.nodes.size(), container.grants.size());
  }

  void expect_all_unknown(std::string_view part_of_why) const {
    for (const NodeAccess& node : container.nodes) {
      EXPECT_EQ(node.now, Now::unknown);
      EXPECT_NE(node.why.find(part_of_why), std::string::npos) << node.why;
    }
  }

  CgroupTree cgroups;
  Container container;
};

TEST_P(InsideTest, ToldByTheCgroupAndNotByTheMode) {
  look();
  for (const NodeAccess& node : container.nodes) {
    EXPECT_EQ(node.now, Now::allowed) << node.why;
  }
  deny();
  look();
  for (const NodeAccess& node : container.nodes) {
    EXPECT_EQ(node.now, Now::denied);
    EXPECT_EQ(node.why, "EPERM");
  }
}

TEST_P(InsideTest, AsksForWhatWasGrantedAndNoMore) {
  ASSERT_TRUE(cgroups.make_node("/dev/nvidia1", 195, 1));
  container.grants = {grant_of("/dev/nvidia0", 0),
                      grant_of("/dev/nvidia1", 1, "r"),
                      grant_of("/dev/nvidiactl", 255, "m")};
  deny();
  look();
  EXPECT_EQ(container.nodes[0].now, Now::denied);
  EXPECT_EQ(container.nodes[1].now, Now::allowed) << container.nodes[1].why;
  EXPECT_EQ(container.nodes[2].now, Now::unknown);
  EXPECT_EQ(container.nodes[2].why, "granted for mknod alone");
  container.grants[1].access = "rw";
  look();
  EXPECT_EQ(container.nodes[1].now, Now::denied);
}

TEST_P(InsideTest, FindsTheNodeByItsNumbers) {
  // The host has 195:2 under another name; 195:3 is only in the container,
  // 195:4 nowhere; the container's nvidia0 is another's.
  ASSERT_TRUE(cgroups.make_node("/dev/nvidia-caps/nvidia-cap2", 195, 2));
  ASSERT_TRUE(cgroups.make_node("/container/dev/nvidia3", 195, 3));
  ASSERT_TRUE(cgroups.make_node("/container/dev/nvidia0", 1, 3));
  ASSERT_TRUE(cgroups.make_node("/container/dev/nvidiactl", 195, 255));
  container.grants = {grant_of("/dev/nvidia0", 0), grant_of("/dev/nvidia2", 2),
                      grant_of("/dev/nvidia3", 3), grant_of("/dev/nvidia4", 4),
                      grant_of("/dev/nvidiactl", 255)};
  deny();
  look();
  const std::vector<Now> expected = {Now::denied, Now::denied, Now::denied,
                                     Now::unknown, Now::denied};
  const std::vector<bool> present = {false, false, true, false, true};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(container.nodes[i].now, expected[i]) << i;
    EXPECT_EQ(container.nodes[i].present, std::optional<bool>(present[i])) << i;
  }
  EXPECT_NE(container.nodes[3].why.find("neither the host nor the container"),
            std::string::npos);
}

// A container may have any link in its /dev: none leads out of its root.
TEST_P(InsideTest, LinksStayInTheContainer) {
  std::filesystem::remove_all(cgroups.tree().path() + "/container/dev");
  cgroups.tree().link("/container/dev", cgroups.tree().path() + "/dev");
  look();
  EXPECT_EQ(container.nodes[0].now, Now::allowed);
  EXPECT_EQ(container.nodes[0].present, std::optional<bool>(false));
}

TEST_P(InsideTest, SeesWhichLibraryIsThere) {
  look();
  EXPECT_EQ(container.library, std::optional<std::string>(""));
  const std::string folder = "/container/usr/lib/x86_64-linux-gnu/";
  cgroups.tree().file(folder + "libnvidia-ml.so.535.54.03", "");
  look();
  EXPECT_EQ(container.library, std::optional<std::string>("535.54.03"));
  // What the loader follows counts more than what lies about.
  cgroups.tree().link(folder + "libnvidia-ml.so.1",
                      "libnvidia-ml.so.570.158.01");
  look();
  EXPECT_EQ(container.library, std::optional<std::string>("570.158.01"));
  std::filesystem::remove_all(cgroups.tree().path() + folder);
  cgroups.tree().file(folder + "libnvidia-ml.so.1", "no version in its name");
  look();
  EXPECT_EQ(container.library, std::nullopt);
}

TEST_P(InsideTest, AnEndedContainerIsGone) {
  cgroups.end_process(container.pid);
  const auto done = look_inside(cgroups.host(), container, 1s);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, Error::Kind::gone);
}

TEST_P(InsideTest, AZombieIsNoContainer) {
  ASSERT_EQ(::kill(container.pid, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(container.pid), &info,
                     WEXITED | WNOWAIT),
            0);
  EXPECT_EQ(look_inside(cgroups.host(), container, 1s).error().kind,
            Error::Kind::gone);
}

// Stands for a child in state D: it is not started anew beside it.
TEST_P(InsideTest, AStuckLookIsNotMultiplied) {
  const std::string name = "gw-look-" + std::to_string(container.pid);
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const int stuck = ::fork();
  if (stuck == 0) {
    ::prctl(PR_SET_NAME, name.c_str());
    (void)!::write(ready[1], "x", 1);
    while (true) ::pause();
  }
  char said = 0;
  ASSERT_EQ(::read(ready[0], &said, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  look();
  expect_all_unknown("an earlier look from inside has not come back (task " +
                     std::to_string(stuck) + ")");
  ASSERT_EQ(::kill(stuck, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(stuck), &info, WEXITED | WNOWAIT),
            0);
  look();
  EXPECT_EQ(container.nodes[0].now, Now::allowed) << container.nodes[0].why;
}

TEST_P(InsideTest, AnotherProcessWithItsNumberIsNotIt) {
  container.start_time += 1;
  EXPECT_EQ(look_inside(cgroups.host(), container, 1s).error().kind,
            Error::Kind::gone);
}

TEST_P(InsideTest, ACopiedTreeIsNotAsked) {
  TempTree copy;
  const host::Host host{*host::Root::open(copy.path()),
                        *host::Root::open("/"),
                        "",
                        "",
                        false,
                        ""};
  ASSERT_TRUE(look_inside(host, container, 1s).has_value());
  expect_all_unknown("is not this machine");
}

TEST_P(InsideTest, OthersCgroupsAreNotJoined) {
  cgroups.tree().file("/fake/cgroup.procs", "");
  container.cgroup_folder = "/fake";
  look();
  expect_all_unknown("none of this machine");
  std::ifstream written(cgroups.tree().path() + "/fake/cgroup.procs");
  EXPECT_EQ(written.peek(), std::ifstream::traits_type::eof());
}

TEST_P(InsideTest, LeavesNoTaskAndNoDescriptor) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         {});
  };
  const auto before = descriptors();
  look();
  EXPECT_EQ(descriptors(), before);
  EXPECT_LT(::waitpid(-1, nullptr, WNOHANG | __WCLONE), 0);
  EXPECT_EQ(errno, ECHILD);
}

INSTANTIATE_TEST_SUITE_P(Inside, InsideTest,
                         testing::Values(Version::v1, Version::v2),
                         [](const auto& tested) {
                           return tested.param == Version::v1 ? "v1" : "v2";
                         });

class InsideV2 : public InsideTest {};
INSTANTIATE_TEST_SUITE_P(Inside, InsideV2, testing::Values(Version::v2));

TEST_P(InsideV2, APausedContainerIsNotJoined) {
  cgroups.tree().file("/container/usr/lib64/libnvidia-ml.so.570.1", "");
  ASSERT_TRUE(cgroups.write("/scope/cgroup.freeze", "1"));
  look();
  EXPECT_TRUE(container.frozen);
  expect_all_unknown("the container is paused");
  EXPECT_EQ(container.library, std::optional<std::string>("570.1"));
  ASSERT_TRUE(cgroups.write("/scope/cgroup.freeze", "0"));
  look();
  EXPECT_FALSE(container.frozen);
  EXPECT_EQ(container.nodes[0].now, Now::allowed);
}

// Paused after it was looked whether it is.
TEST_P(InsideV2, AChildThatFreezesIsEndedAtTheDeadline) {
  ASSERT_TRUE(cgroups.write("/scope/cgroup.freeze", "1"));
  const std::string root = cgroups.tree().path() + "/container";
  const std::string cgroup = cgroups.tree().path() + cgroups.folder("/scope");
  const std::string procs = cgroup + "/cgroup.procs";
  const inside::Question question{nullptr, "/dev/null", 1, 3, R_OK};
  inside::Assignment assignment;
  assignment.name = "gw-look-1";
  assignment.root = root.c_str();
  assignment.mountinfo = "/proc/self/mountinfo";
  assignment.cgroup = cgroup.c_str();
  assignment.procs = procs.c_str();
  assignment.questions = &question;
  assignment.count = 1;
  auto report = inside::SharedReport::make();
  ASSERT_TRUE(report.has_value());
  const auto ended = inside::run(assignment, *report, 500ms);
  ASSERT_TRUE(ended.has_value());
  EXPECT_FALSE(*ended);
  EXPECT_GT((*report)->second, 0);
  EXPECT_FALSE((*report)->answers[0].asked);
  // Killed, though a slow machine may take a moment to bury it.
  while (::waitpid((*report)->second, nullptr, __WALL) > 0) {
  }
  EXPECT_EQ(inside::left_behind(cgroups.host().self, "gw-look-1"), 0);
}

// Beside a threaded cgroup the kernel lets nobody in.
TEST_P(InsideV2, ACgroupThatTakesNobodyInIsUnknown) {
  cgroups.make("/scope/threads");
  cgroups.make("/scope/closed");
  ASSERT_TRUE(cgroups.write("/scope/threads/cgroup.type", "threaded"));
  container.cgroup_folder = cgroups.folder("/scope/closed");
  look();
  expect_all_unknown("takes in nobody else");
}

TEST_P(InsideV2, WithoutRootItSaysSo) {
  // Another user's thread: only the effective ids change.
  ASSERT_EQ(::chmod(cgroups.tree().path().c_str(), 0755), 0);
  ASSERT_EQ(::setegid(65534), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto done = look_inside(cgroups.host(), container, 1s);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_EQ(::setegid(0), 0);
  ASSERT_TRUE(done.has_value()) << done.error().text;
  expect_all_unknown("run as root");
  EXPECT_EQ(container.library, std::nullopt);
  EXPECT_EQ(container.nodes[0].present, std::nullopt);
}

}  // namespace
}  // namespace gpuward::containers
