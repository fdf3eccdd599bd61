// Whole lives: commands, owners that die, clients that cannot be killed.
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "sim/engine/frozen_disk.h"
#include "sim/engine/node_fixture.h"
#include "sim/engine/process.h"
#include "sim/engine/runner.h"

namespace gpuward::simulator {
namespace {

char state_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(')');
  return end == std::string::npos ? 'X' : line[end + 2];
}

bool gone(pid_t pid) {
  const char state = state_of(pid);
  return state == 'X' || state == 'Z';
}

pid_t read_pid(const std::string& path) {
  pid_t pid = 0;
  std::ifstream(path) >> pid;
  return pid;
}

class KeeperTest : public NodeTest {
 protected:
  KeeperTest() { ::setenv("GPUWARD_SIM_LIBRARY", library_.c_str(), 1); }

  static int run(const Scenario& scenario, const std::string& directory,
                 const std::string& script) {
    const auto code = run_in_node(scenario, directory, {"sh", "-c", script},
                                  [](const std::string&) {});
    return code ? *code : -1;
  }

  // The same in a process of its own, for tests that kill it.
  pid_t run_apart(const std::string& name, const std::string& script) const {
    const auto scenario = load_scenario(name);
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(scenario ? run(*scenario, node_, script) : 99);
    return pid;
  }

  // A client that a frozen disk holds: it writes to the gate.
  std::string write_to_gate() const {
    return fmt::format(
        "sh -c 'echo $$ > {0}/client; echo x > {1}/disk/gate' & ", base_,
        node_);
  }
};

TEST_F(KeeperTest, HandsOnTheExitCode) {
  const auto scenario = load_scenario("healthy-8xh100");
  ASSERT_TRUE(scenario);
  EXPECT_EQ(run(*scenario, node_, "exit 7"), 7);
  EXPECT_EQ(run(*scenario, node_, "kill -9 $$"), 137);
  EXPECT_EQ(run(*scenario, node_,
                "test -f $GPUWARD_SIM/state && test -d $GPUWARD_RUN_DIR && "
                "test -f $GPUWARD_ROOT/proc/uptime"),
            0);
  EXPECT_FALSE(std::filesystem::exists(node_));
  const auto missing = run_in_node(*scenario, node_, {"/no/such/program"},
                                   [](const std::string&) {});
  EXPECT_EQ(missing, 127);
}

TEST_F(KeeperTest, EndsWhatTheCommandLeavesBehind) {
  const auto scenario = load_scenario("healthy-8xh100");
  ASSERT_TRUE(scenario);
  // One that ran away into a session of its own and hears no SIGTERM.
  const std::string left = base_ + "/left";
  EXPECT_EQ(
      run(*scenario, node_,
          fmt::format("setsid sh -c 'trap \"\" TERM; echo $$ > {0}; while :; "
                      "do sleep 1; done' & while ! test -s {0}; do sleep "
                      "0.01; done",
                      left)),
      0);
  const pid_t pid = read_pid(left);
  ASSERT_GT(pid, 0);
  EXPECT_TRUE(gone(pid));
}

TEST_F(KeeperTest, PassesSignalsOn) {
  const pid_t owner =
      run_apart("healthy-8xh100",
                fmt::format("trap 'exit 5' TERM; echo > {}/ready; while :; "
                            "do sleep 0.01; done",
                            base_));
  ASSERT_TRUE(
      comes_true([&] { return std::filesystem::exists(base_ + "/ready"); }));
  ::kill(owner, SIGTERM);
  int status = 0;
  ::waitpid(owner, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_FALSE(std::filesystem::exists(node_));
}

TEST_F(KeeperTest, OutlivesAnOwnerThatIsKilled) {
  const pid_t owner = run_apart(
      "healthy-8xh100", fmt::format("echo $$ > {}/command; sleep 1000", base_));
  ASSERT_TRUE(comes_true([&] { return read_pid(base_ + "/command") > 0; }));
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  EXPECT_TRUE(comes_true([&] { return !std::filesystem::exists(node_); }));
  EXPECT_TRUE(gone(read_pid(base_ + "/command")));
}

TEST_F(KeeperTest, IsReplacedByItsOwnerWhenKilled) {
  const pid_t owner = run_apart(
      "healthy-8xh100", fmt::format("echo $$ > {}/command; sleep 1000", base_));
  ASSERT_TRUE(comes_true([&] { return read_pid(base_ + "/command") > 0; }));
  ::kill(read_pid(node_ + "/keeper.pid"), SIGKILL);
  int status = 0;
  ::waitpid(owner, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 255);
  EXPECT_FALSE(std::filesystem::exists(node_));
  EXPECT_TRUE(gone(read_pid(base_ + "/command")));
}

TEST_F(KeeperTest, PlaysTheTimeline) {
  auto scenario = load_scenario("healthy-8xh100");
  ASSERT_TRUE(scenario);
  TimedEvent lost;
  lost.kind = TimedEvent::Kind::lose_gpu;
  lost.after = 50ms;
  lost.gpu = 3;
  TimedEvent xid = lost;
  xid.kind = TimedEvent::Kind::xid;
  xid.xid = 79;
  scenario->events = {lost, xid};
  ASSERT_TRUE(start_node(*scenario, node_));
  const auto state = StateFile::open(node_);
  ASSERT_TRUE(state);
  EXPECT_TRUE(comes_true([&] { return state->get().last_event == 1; }));
  EXPECT_EQ(state->get().gpus[3].lost, 1);
  EXPECT_NE(seen("/dev/kmsg").find("): 79, "), std::string::npos);
  const std::string uptime = seen("/proc/uptime");
  EXPECT_TRUE(comes_true([&] { return seen("/proc/uptime") != uptime; }));
  ASSERT_TRUE(stop_node(node_));
  EXPECT_FALSE(std::filesystem::exists(node_));
}

class StateDTest : public KeeperTest {
 protected:
  void SetUp() override {
    const std::string why = why_no_frozen_disk();
    if (!why.empty()) GTEST_SKIP() << "state D that survives SIGKILL: " << why;
  }
};

TEST_F(StateDTest, SurvivesSigkillUntilLifted) {
  make("healthy-8xh100");
  ASSERT_TRUE(inject(node_, injection({"nvmlInit*", "hang=d"})));
  const pid_t client = ::fork();
  if (client == 0) {
    const int file = ::open((node_ + "/disk/gate").c_str(), O_WRONLY);
    (void)!::write(file, "x", 1);
    ::_exit(0);
  }
  ASSERT_TRUE(comes_true([&] { return state_of(client) == 'D'; }));
  ::kill(client, SIGKILL);
  EXPECT_EQ(state_of(client), 'D');
  ASSERT_TRUE(clear_fault(node_, 0));
  ::waitpid(client, nullptr, 0);
  ASSERT_TRUE(end_node(node_));
  EXPECT_FALSE(disk_is_mounted(node_));
}

TEST_F(StateDTest, LiftingOneFaultKeepsTheOthers) {
  make("healthy-8xh100");
  ASSERT_TRUE(inject(node_, injection({"nvmlInit*", "hang=d"})));
  ASSERT_TRUE(inject(node_, injection({"nvmlDevice*", "hang=d"})));
  ASSERT_TRUE(clear_fault(node_, 1));
  const auto state = StateFile::open(node_);
  EXPECT_EQ(state->get().frozen, 1u);
  ASSERT_TRUE(clear_fault(node_, 2));
  EXPECT_EQ(state->get().frozen, 0u);
}

TEST_F(StateDTest, LeavesNothingWhenTheOwnerIsKilled) {
  const pid_t owner =
      run_apart("b200-uptime-hang", write_to_gate() + "exec sleep 1000");
  const std::string file = base_ + "/client";
  ASSERT_TRUE(comes_true([&] {
    const pid_t pid = read_pid(file);
    return pid > 0 && state_of(pid) == 'D';
  }));
  const pid_t client = read_pid(file);
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  EXPECT_TRUE(comes_true([&] { return !std::filesystem::exists(node_); }));
  EXPECT_TRUE(comes_true([&] { return gone(client); }));
  EXPECT_FALSE(disk_is_mounted(node_));
}

TEST_F(StateDTest, EndsWithTheCommandWhoeverHangs) {
  const auto scenario = load_scenario("b200-uptime-hang");
  ASSERT_TRUE(scenario);
  EXPECT_EQ(run(*scenario, node_, write_to_gate() + "exit 3"), 3);
  EXPECT_FALSE(std::filesystem::exists(node_));
}

TEST_F(StateDTest, EndsWithItsWindow) {
  auto scenario = load_scenario("healthy-8xh100");
  ASSERT_TRUE(scenario);
  sim_fault fault = injection({"nvmlInit*", "hang=d", "until=300ms"}).fault;
  scenario->faults = {fault};
  ASSERT_TRUE(start_node(*scenario, node_));
  const auto state = StateFile::open(node_);
  ASSERT_TRUE(state);
  EXPECT_TRUE(comes_true([&] { return state->get().frozen == 0; }));
  ASSERT_TRUE(stop_node(node_));
}

}  // namespace
}  // namespace gpuward::simulator
