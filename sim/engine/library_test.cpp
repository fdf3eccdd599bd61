// The engine and the library together: a client in a process of its own, the
// fault that it meets, and its end when the fault is lifted.
#include <dlfcn.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/engine/frozen_disk.h"
#include "sim/engine/node_fixture.h"
#include "sim/engine/process.h"

namespace gpuward::simulator {
namespace {

char state_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(')');
  return end == std::string::npos ? 'X' : line[end + 2];
}

class LibraryTest : public NodeTest {
 protected:
  LibraryTest() { library_ = SIM_LIBRARY; }

  // Calls nvmlInit_v2 and leaves its return as the exit code.
  pid_t start_client() const {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::setenv("GPUWARD_SIM", node_.c_str(), 1);
    void* library = ::dlopen(SIM_LIBRARY, RTLD_NOW);
    if (library == nullptr) ::_exit(200);
    auto init = reinterpret_cast<int (*)()>(::dlsym(library, "nvmlInit_v2"));
    ::_exit(init == nullptr ? 201 : init());
  }

  int run_client() const { return end_of(start_client()); }

  static int end_of(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
};

TEST_F(LibraryTest, AnswersAsTold) {
  make("healthy-8xh100");
  EXPECT_EQ(run_client(), 0);
  ASSERT_TRUE(inject(node_, injection({"nvmlInit*", "return=IRQ_ISSUE"})));
  EXPECT_EQ(run_client(), 11);
  ASSERT_TRUE(clear_fault(node_, 0));
  ASSERT_TRUE(inject(node_, injection({"nvmlInit*", "die=true"})));
  EXPECT_EQ(run_client(), -SIGSEGV);
  ASSERT_TRUE(clear_fault(node_, 0));
  EXPECT_EQ(run_client(), 0);
}

struct Hang {
  std::string name;
  char state;
  bool survives;
};

class Hangs : public LibraryTest, public testing::WithParamInterface<Hang> {};

TEST_P(Hangs, HoldUntilLifted) {
  if (GetParam().survives && !why_no_frozen_disk().empty()) {
    GTEST_SKIP() << why_no_frozen_disk();
  }
  make("healthy-8xh100");
  ASSERT_TRUE(
      inject(node_, injection({"nvmlInit*", "hang=" + GetParam().name})));
  const pid_t client = start_client();
  EXPECT_TRUE(comes_true([&] { return state_of(client) == GetParam().state; }));
  ASSERT_TRUE(clear_fault(node_, 0));
  EXPECT_EQ(end_of(client), 0);
}

TEST_P(Hangs, MeetSigkillInTheirOwnWay) {
  if (GetParam().survives && !why_no_frozen_disk().empty()) {
    GTEST_SKIP() << why_no_frozen_disk();
  }
  make("healthy-8xh100");
  ASSERT_TRUE(
      inject(node_, injection({"nvmlInit*", "hang=" + GetParam().name})));
  const pid_t client = start_client();
  ASSERT_TRUE(comes_true([&] { return state_of(client) == GetParam().state; }));
  ::kill(client, SIGKILL);
  if (GetParam().survives) {
    EXPECT_EQ(state_of(client), 'D');
    ASSERT_TRUE(clear_fault(node_, 0));
  }
  EXPECT_EQ(end_of(client), -SIGKILL);
}

INSTANTIATE_TEST_SUITE_P(All, Hangs,
                         testing::Values(Hang{"futex", 'S', false},
                                         Hang{"busy", 'R', false},
                                         Hang{"killable-d", 'D', false},
                                         Hang{"d", 'D', true}));

}  // namespace
}  // namespace gpuward::simulator
