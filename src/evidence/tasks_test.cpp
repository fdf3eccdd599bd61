#include "evidence/tasks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "host/task.h"
#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

// A thread in a made-up /proc; its process is that of the same folder.
void put_task(TempTree& tree, int pid, int tid, const std::string& comm,
              char state, int threads, int parent = 1) {
  const std::string stat = std::to_string(tid) + " (" + comm + ") " + state +
                           " " + std::to_string(parent) +
                           " 1 1 0 -1 0 0 0 0 0 11 22 0 0 20 0 " +
                           std::to_string(threads) + " 0 4242 0 0\n";
  const std::string process = "/proc/" + std::to_string(pid);
  if (pid == tid) tree.file(process + "/stat", stat);
  tree.file(process + "/task/" + std::to_string(tid) + "/stat", stat);
}

void put_file(TempTree& tree, int pid, int tid, const std::string& name,
              const std::string& text) {
  tree.file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) +
                "/" + name,
            text);
}

TEST(Tasks, FindsAThreadThatSitsInTheDriver) {
  TempTree tree;
  put_task(tree, 50, 50, "plugin (x) 1", 'S', 2);
  put_task(tree, 50, 51, "plugin (x) 1", 'D', 2);
  put_file(tree, 50, 51, "wchan", "os_acquire_rwlock_write");
  put_file(tree, 50, 51, "syscall", "16 0x3 0xc0\n");
  put_file(tree, 50, 51, "stack",
           "[<0>] os_acquire_rwlock_write+0x3/0x9 [nvidia]\n"
           "[<0>] do_syscall_64+0x1/0x2\n");
  put_task(tree, 60, 60, "disk", 'D', 1);
  put_file(tree, 60, 60, "wchan", "io_schedule");
  put_task(tree, 70, 70, "nv_queue", 'D', 1, 2);
  put_file(tree, 70, 70, "wchan", "nvidia_thread");
  const TaskScan scan = scan_tasks(*host::Root::open(tree.path()), {});
  ASSERT_EQ(scan.in_driver.size(), 1u);
  const StuckTask& task = scan.in_driver[0];
  EXPECT_EQ(task.pid, 50);
  EXPECT_EQ(task.tid, 51);
  EXPECT_EQ(task.comm, "plugin (x) 1");
  EXPECT_EQ(task.start_time, 4242u);
  EXPECT_EQ(task.where, "kernel");
  EXPECT_EQ(task.stack.size(), 2u);
  EXPECT_EQ(task.stack[0], "os_acquire_rwlock_write [nvidia]");
  EXPECT_EQ(scan.untold, 0);
  EXPECT_TRUE(
      scan_tasks(*host::Root::open(tree.path()), {50}).in_driver.empty());
}

TEST(Tasks, AnOpenNodeTellsWhereTheKernelDoesNot) {
  TempTree tree;
  put_task(tree, 50, 50, "nvidia-smi", 'D', 1);
  put_file(tree, 50, 50, "wchan", "0");
  const auto root = host::Root::open(tree.path());
  EXPECT_EQ(scan_tasks(*root, {}).untold, 1);
  tree.link("/proc/50/fd/3", "/dev/nvidiactl");
  EXPECT_EQ(scan_tasks(*root, {}).in_driver.size(), 1u);
}

TEST(Tasks, FactsAndGaps) {
  TempTree tree;
  put_task(tree, 50, 50, "nvidia-smi", 'D', 1);
  put_task(tree, 51, 51, "gpuward", 'D', 1);
  put_file(tree, 50, 50, "wchan", "nv_open_q");
  put_file(tree, 51, 51, "wchan", "nv_open_q");
  const auto host = host::Host::open({tree.path(), "/run"});
  const Collected got = collect_tasks(*host);
  ASSERT_EQ(got.evidence.size(), 2u);
  EXPECT_EQ(got.evidence[0].key, fact::kHungTask);
  EXPECT_EQ(got.evidence[0].text,
            "task nvidia-smi:50 is in state D: nv_open_q");
  EXPECT_EQ(got.evidence[1].key, fact::kHungInDriver);
  ASSERT_EQ(got.tasks.size(), 1u);
  EXPECT_TRUE(got.gaps.empty());
}

TEST(Tasks, InspectPicksTheThreadThatLooksMostStuck) {
  TempTree tree;
  put_task(tree, 50, 50, "a", 'S', 3);
  put_task(tree, 50, 51, "a", 'D', 3);
  put_task(tree, 50, 52, "a", 'R', 3);
  const auto root = host::Root::open(tree.path());
  EXPECT_EQ(inspect_task(*root, 50)->tid, 51);
  EXPECT_FALSE(inspect_task(*root, 99).has_value());
  put_task(tree, 60, 60, "b", 'S', 1);
  put_file(tree, 60, 60, "wchan", "futex_wait_queue");
  const auto waiting = inspect_task(*root, 60);
  EXPECT_EQ(waiting->where, "user");
  EXPECT_EQ(waiting->wchan, "futex_wait_queue");
  EXPECT_FALSE(waiting->in_driver);
}

TEST(Tasks, InspectsThisVeryProcess) {
  const auto root = host::Root::open("/");
  const auto task = inspect_task(*root, ::getpid());
  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(task->state, 'R');
  EXPECT_TRUE(host::is_same_task(*root, ::getpid(), task->start_time));
}

TEST(Tasks, Frames) {
  EXPECT_EQ(frame_of("[<0>] nv_open+0x1/0x2 [nvidia]"), "nv_open [nvidia]");
  EXPECT_EQ(frame_of("[<ffffffffc0a1>] x+0x1/0x2"), "x");
  EXPECT_EQ(frame_of(""), "");
  EXPECT_EQ(frame_of("[<0"), "");
  for (const char* frame :
       {"x [nvidia]", "x [nvidia_uvm]", "os_acquire_mutex", "rm_ioctl",
        "uvm_ioctl", "_nv012345rm", "nvidia_open", "nv_open_q"}) {
    EXPECT_TRUE(is_in_driver(frame)) << frame;
  }
  for (const char* frame :
       {"", "futex_wait_queue", "nvme_poll", "x [xfs]", "os_xsave", "nvmap"}) {
    EXPECT_FALSE(is_in_driver(frame)) << frame;
  }
}

TEST(Tasks, SystemCalls) {
  EXPECT_EQ(syscall_in("running"), "");
  EXPECT_EQ(syscall_in(""), "");
  EXPECT_EQ(syscall_in("-1 0x7f 0x1"), "");
  EXPECT_EQ(syscall_in("9999 0x0"), "call 9999");
#ifdef __x86_64__
  EXPECT_EQ(syscall_in("202 0x7f 0x80"), "futex");
#endif
}

}  // namespace
}  // namespace gpuward::evidence
