#include "host/tool.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "host/root.h"
#include "support/temp_tree.h"

namespace gpuward::host {
namespace {

Result<ToolResult> shell(const std::string& script, Millis deadline = 5s) {
  return run_tool({"sh", "-c", script}, deadline);
}

// A program in one of the folders, for one test; needs root.
class Program {
 public:
  explicit Program(const std::string& content, mode_t mode) {
    std::ofstream(path()) << content;
    ::chmod(path().c_str(), mode);
  }
  ~Program() { std::filesystem::remove(path()); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  std::string name() const {
    return fmt::format("gpuward-tool-test-{}", ::getpid());
  }
  std::string path() const { return "/usr/local/bin/" + name(); }
};

TEST(Tool, GivesOutputComplaintsAndExitCode) {
  const auto done = shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(done.has_value()) << done.error().text;
  EXPECT_EQ(done->exit_code, 3);
  EXPECT_EQ(done->output, "out\n");
  EXPECT_EQ(done->complaints, "err\n");
}

TEST(Tool, ASignalIsAnExitCode) {
  const auto done = shell("kill -TERM $$");
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->exit_code, 128 + 15);
}

TEST(Tool, AbsentProgram) {
  const auto done = run_tool({"no-such-program-anywhere"}, 1s);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, Error::Kind::not_found);
  EXPECT_EQ(run_tool({"/bin/sh"}, 1s).error().kind, Error::Kind::malformed);
  EXPECT_EQ(run_tool({}, 1s).error().kind, Error::Kind::malformed);
}

TEST(Tool, TheDeadlineEndsTheWholeGroup) {
  const TempTree tree;
  const std::string pid_file = tree.path() + "/pid";
  const Boot started = BootClock::now();
  // The grandchild keeps the pipes open, and ignores what can be ignored.
  const auto done = shell(
      "trap '' TERM INT HUP; (trap '' TERM; sleep 30) & "
      "echo $$ >" +
          pid_file + "; wait",
      200ms);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, Error::Kind::timeout);
  EXPECT_LT(BootClock::now() - started, 2s);
  std::ifstream file(pid_file);
  int pid = 0;
  file >> pid;
  ASSERT_GT(pid, 0);
  const auto root = Root::open("/");
  const auto names = root->list("/proc");
  ASSERT_TRUE(names.has_value());
  for (const std::string& name : *names) {
    const auto task = to_number<int>(name);
    if (!task) continue;
    const auto stat = root->read("/proc/" + name + "/stat");
    if (!stat) continue;
    const std::string_view text = *stat;
    const auto fields = words(text.substr(text.rfind(')') + 1));
    const bool of_group = fields.size() > 2 && fields[2] == std::to_string(pid);
    EXPECT_FALSE(of_group && fields[0] != "Z") << *stat;
  }
}

TEST(Tool, WhatADaemonKeepsOpenIsNotWaitedFor) {
  const Boot started = BootClock::now();
  const auto done = shell("sleep 3 & echo started");
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->output, "started\n");
  EXPECT_LT(BootClock::now() - started, 2s);
}

TEST(Tool, MuchOutputIsCutAndDoesNotStopTheProgram) {
  const auto done = shell("head -c 1000000 /dev/zero; echo over >&2");
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->exit_code, 0);
  EXPECT_EQ(done->output.size(), size_t{64} << 10);
  EXPECT_EQ(done->complaints, "over\n");
}

TEST(Tool, EnvironmentInputAndFilesAreItsOwn) {
  const auto done = shell("env; cat; ls /proc/self/fd | wc -l; pwd");
  ASSERT_TRUE(done.has_value());
  EXPECT_NE(done->output.find("LC_ALL=C\n"), std::string::npos);
  EXPECT_NE(done->output.find("HOME=/\n"), std::string::npos);
  // 0, 1, 2 and the one by which ls reads the folder.
  EXPECT_TRUE(done->output.ends_with("\n4\n/\n")) << done->output;
}

TEST(Tool, AProgramThatOthersMayChangeIsNotRun) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const Program program("#!/bin/sh\necho ran\n", 0757);
  const auto done = run_tool({program.name()}, 2s);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, Error::Kind::denied);
}

TEST(Tool, WhatCannotBeStartedIsAnErrorNotAnExitCode) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const Program program(
      "\x7f"
      "ELF nonsense",
      0755);
  const auto done = run_tool({program.name()}, 2s);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error_number, ENOEXEC);
}

}  // namespace
}  // namespace gpuward::host
