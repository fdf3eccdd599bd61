#include "action/restore_access.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "host/task.h"
#include "model/container_arguments.h"
#include "support/fake_systemd.h"
#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

using Quirk = FakeSystemd::Quirk;

constexpr const char* kDevices = "/sys/fs/cgroup/devices";

// A task that is "the container's first process", and a systemd that knows its
// scope; the rest is this machine.
class RestoreAccess : public ::testing::Test {
 protected:
  void SetUp() override {
    pid_ = ::fork();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
    container_.label = "web";
    container_.pid = pid_;
    container_.start_time =
        host::task_stat(*host::Root::open("/"), pid_)->start_time;
    container_.unit = "docker-0123.scope";
    // /dev/zero stands for a GPU: what no driver code runs for.
    container_.grants = {{"/dev/zero", 1, 5, "rw", "", ""}};
    place(cgroup_of(pid_));
  }
  void TearDown() override {
    end();
    if (!folder_.empty()) ::rmdir(folder_.c_str());
  }
  void end() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  static std::string cgroup_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
    std::string line;
    std::string last;
    while (std::getline(file, line)) {
      last = line.substr(line.find(':', line.find(':') + 1) + 1);
      if (line.find(":devices:") != std::string::npos) break;
    }
    return last;
  }
  void place(const std::string& cgroup) {
    container_.cgroup = cgroup;
    container_.cgroup_v2 = false;
    container_.cgroup_folder = kDevices + cgroup;
    scope_ = {container_.unit, cgroup, "strict", {{"/dev/char/1:3", "rwm"}}};
  }
  // A device cgroup of its own on this machine, or false.
  bool real_cgroup() {
    folder_ = std::string(kDevices) + "/gpuward-test-" + std::to_string(pid_);
    if (::mkdir(folder_.c_str(), 0755) != 0) {
      folder_.clear();
      return false;
    }
    std::ofstream(folder_ + "/cgroup.procs") << pid_;
    place(cgroup_of(pid_));
    return container_.cgroup.ends_with(std::to_string(pid_));
  }
  void tell(const char* file, const char* rule) const {
    std::ofstream(folder_ + "/" + file) << rule;
  }
  void begin() { fake_.emplace(tree_.path(), scope_); }
  host::Host host() const {
    return {*host::Root::open("/"),
            *host::Root::open(tree_.path()),
            "",
            "",
            false,
            ""};
  }
  Step step() const {
    Step out;
    out.action = kRestoreAccess;
    out.arguments = arguments_of(container_);
    return out;
  }
  void expect_refused(std::string_view part) const {
    const auto checked = restore_access().check(host(), step());
    ASSERT_FALSE(checked) << part;
    EXPECT_NE(checked.error().text.find(part), std::string::npos)
        << checked.error().text;
  }
  host::DeviceAllow list() const {
    return *host::Systemd::connect(host().self)->device_allow(container_.unit);
  }

  TempTree tree_;
  pid_t pid_ = 0;
  Container container_;
  FakeSystemd::Scope scope_;
  std::optional<FakeSystemd> fake_;
  std::string folder_;
};

TEST_F(RestoreAccess, AddsTheGrantAndTakesItBack) {
  begin();
  const auto checked = restore_access().check(host(), step());
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_FALSE(checked->already);
  EXPECT_EQ(checked->undo.dump(), R"({"list":[["/dev/char/1:3","rwm"]]})");
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(restore_access().run(host(), step()));
    EXPECT_EQ(list(), (host::DeviceAllow{{"/dev/char/1:5", "rw"},
                                         {"/dev/char/1:3", "rwm"}}));
  }
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(restore_access().undo(host(), step(), checked->undo));
    EXPECT_EQ(list(), (host::DeviceAllow{{"/dev/char/1:3", "rwm"}}));
  }
}

TEST_F(RestoreAccess, WithoutSystemdItIsRefused) {
  expect_refused("systemd does not run here");
}

TEST_F(RestoreAccess, WhatCannotBeHelpedIsRefused) {
  begin();
  container_.privileged = true;
  expect_refused("privileged");
  container_.privileged = false;
  container_.unit.clear();
  expect_refused("no systemd unit");
  container_.unit = "other.scope";
  expect_refused("other.scope");
  container_.unit = scope_.unit;
  container_.grants.clear();
  expect_refused("no node is known");
}

TEST_F(RestoreAccess, AnUnlimitedScopeIsNotTightened) {
  scope_.policy = "auto";
  scope_.allow.clear();
  begin();
  expect_refused("an entry would deny all the rest");
}

TEST_F(RestoreAccess, AnotherPlaceIsRefused) {
  scope_.group = "/system.slice/elsewhere.scope";
  begin();
  expect_refused("elsewhere.scope");
  container_.cgroup = "/system.slice/elsewhere.scope";
  expect_refused("no longer in the cgroup");
}

// Whatever else lies in the unit would get the nodes as well.
TEST_F(RestoreAccess, AUnitThatIsSharedIsRefused) {
  if (::geteuid() != 0 || !real_cgroup()) {
    GTEST_SKIP() << "needs root and a device cgroup (v1)";
  }
  const std::string shared = container_.cgroup;
  const std::string inner = folder_ + "/inner";
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  std::ofstream(inner + "/cgroup.procs") << pid_;
  place(cgroup_of(pid_));
  scope_.group = shared;
  begin();
  container_.id = "web";
  expect_refused("not the container's alone");
  EXPECT_FALSE(restore_access().run(host(), step()));
  EXPECT_EQ(list(), (host::DeviceAllow{{"/dev/char/1:3", "rwm"}}));
  // A container may move its process deeper; its name tells the unit.
  container_.id = "0123";
  EXPECT_TRUE(restore_access().check(host(), step()));
  end();
  for (int i = 0; i < 100 && ::rmdir(inner.c_str()) != 0; ++i) ::usleep(5000);
}

TEST_F(RestoreAccess, NothingIsGivenByTheRecordsOfAUser) {
  begin();
  container_.rootless = true;
  expect_refused("rootless");
  EXPECT_FALSE(restore_access().run(host(), step()));
  EXPECT_EQ(list(), (host::DeviceAllow{{"/dev/char/1:3", "rwm"}}));
}

// What held at the check may not hold any more.
TEST_F(RestoreAccess, RunLooksAgainAtPlaceAndPolicy) {
  scope_.policy = "auto";
  scope_.allow.clear();
  begin();
  const auto run = restore_access().run(host(), step());
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().text.find("deny all the rest"), std::string::npos);
  EXPECT_TRUE(list().empty());
  container_.cgroup += "/elsewhere";
  EXPECT_FALSE(restore_access().run(host(), step()));
}

TEST_F(RestoreAccess, ASystemdThatOnlySaysYesIsNotBelieved) {
  scope_.quirk = Quirk::deaf;
  begin();
  const auto run = restore_access().run(host(), step());
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().text.find("did not take"), std::string::npos);
}

TEST_F(RestoreAccess, AnEmptyListIsNotMadeAgain) {
  scope_.allow.clear();
  begin();
  const auto checked = restore_access().check(host(), step());
  ASSERT_TRUE(checked) << checked.error().text;
  ASSERT_TRUE(restore_access().run(host(), step()));
  const auto undone = restore_access().undo(host(), step(), checked->undo);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(list().size(), 1u);
}

TEST_F(RestoreAccess, AContainerThatEndsIsSaid) {
  scope_.quirk = Quirk::ends_the_unit;
  begin();
  // Its scope went, its process is still there: that is something else.
  EXPECT_EQ(restore_access().run(host(), step()).error().kind,
            Error::Kind::not_found);
  end();
  for (const auto& error :
       {restore_access().check(host(), step()).error(),
        restore_access().run(host(), step()).error(),
        restore_access().verify(host(), step()).error(),
        restore_access().undo(host(), step(), {}).error()}) {
    EXPECT_EQ(error.kind, Error::Kind::gone);
    EXPECT_EQ(error.text, "the container has ended");
  }
}

TEST_F(RestoreAccess, VerifiesFromInside) {
  if (::geteuid() != 0 || !real_cgroup()) {
    GTEST_SKIP() << "needs root and a device cgroup (v1)";
  }
  begin();
  tell("devices.deny", "c 1:5 rwm");
  const auto denied = restore_access().verify(host(), step());
  ASSERT_FALSE(denied);
  EXPECT_NE(denied.error().text.find("still denied"), std::string::npos)
      << denied.error().text;
  tell("devices.allow", "c 1:5 rw");
  const auto open = restore_access().verify(host(), step());
  ASSERT_TRUE(open) << open.error().text;
  EXPECT_EQ(*open, "tested from inside: /dev/zero opens again");
}

TEST_F(RestoreAccess, NothingIsToBeDoneWhereAllIsThere) {
  if (::geteuid() != 0 || !real_cgroup()) {
    GTEST_SKIP() << "needs root and a device cgroup (v1)";
  }
  scope_.allow.emplace_back("/dev/char/1:5", "rwm");
  begin();
  auto checked = restore_access().check(host(), step());
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_TRUE(checked->already);
  // Listed and denied all the same: systemd is to apply its list again.
  tell("devices.deny", "c 1:5 rwm");
  checked = restore_access().check(host(), step());
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_FALSE(checked->already);
}

}  // namespace
}  // namespace gpuward::action
