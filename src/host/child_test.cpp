#include "host/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace gpuward::host {
namespace {

std::string read_all(const Fd& fd) {
  std::string out(4096, '\0');
  size_t have = 0;
  for (ssize_t got = 1; got > 0 && have < out.size();) {
    got = ::read(fd.get(), out.data() + have, out.size() - have);
    if (got > 0) have += static_cast<size_t>(got);
  }
  out.resize(have);
  return out;
}

// What a script prints, started with `spec`.
std::string printed(ChildSpec spec, const std::string& script) {
  auto pipe = make_pipe();
  EXPECT_TRUE(pipe.has_value());
  spec.descriptors = {-1, pipe->write_end.get(), -1};
  spec.program = "/bin/sh";
  spec.arguments = {"sh", "-c", script};
  auto child = start_child(spec);
  EXPECT_TRUE(child.has_value()) << child.error().text;
  pipe->write_end.reset();
  const std::string text = read_all(pipe->read_end);
  EXPECT_EQ(child->status_by(BootClock::now() + 5s), 0);
  return text;
}

TEST(Child, HasWhatItsSpecNamesAndNothingElse) {
  const Fd other(::open("/etc/passwd", O_RDONLY));  // not close-on-exec
  EXPECT_EQ(printed({.environment = {"A=b"}}, "echo $A $HOME; pwd"), "b\n/\n");
  EXPECT_EQ(printed({},
                    "for n in 3 4 5 6 7 8 9; do "
                    "[ -e /proc/$$/fd/$n ] && echo $n; done; echo end"),
            "end\n");
  EXPECT_EQ(printed({}, "readlink /proc/$$/fd/0"), "/dev/null\n");
}

// A tool that inherits an ignored SIGPIPE writes on for ever where its reader
// has gone; one with a blocked SIGTERM is not ended politely.
TEST(Child, TakesNoSignalSettingsFromItsParent) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, old;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &old);
  const std::string status =
      printed({}, "grep -E 'SigBlk|SigIgn' /proc/$$/status | tr -d '\\t'");
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  std::signal(SIGPIPE, before);
  EXPECT_EQ(status, "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}

TEST(Child, WhyItCouldNotBeStartedIsTold) {
  auto child = start_child({.program = "/no/such/program", .arguments = {"x"}});
  ASSERT_TRUE(child.has_value());
  ASSERT_TRUE(child->status_by(BootClock::now() + 5s).has_value());
  EXPECT_EQ(child->start_failure(), ENOENT);
}

TEST(Child, OneThatStartedHasNoSuchReason) {
  auto child = start_child({.program = "/bin/true", .arguments = {"true"}});
  ASSERT_TRUE(child.has_value());
  EXPECT_EQ(child->status_by(BootClock::now() + 5s), 0);
  EXPECT_FALSE(child->start_failure().has_value());
  EXPECT_TRUE(child->is_gone());
}

TEST(Child, IsEndedWithItsGroup) {
  auto child =
      start_child({.program = "/bin/sh",
                   .arguments = {"sh", "-c", "sleep 100 & sleep 100"}});
  ASSERT_TRUE(child.has_value());
  EXPECT_FALSE(child->status_by(BootClock::now() + 20ms).has_value());
  EXPECT_TRUE(child->kill_group());
}

TEST(Child, MayCallAFunctionInstead) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe.has_value());
  auto child = start_child({.descriptors = {-1, pipe->write_end.get(), -1},
                            .work = [] { (void)!::write(1, "hi", 2); },
                            .name = "a-name"});
  ASSERT_TRUE(child.has_value());
  pipe->write_end.reset();
  EXPECT_EQ(read_all(pipe->read_end), "hi");
  EXPECT_EQ(child->status_by(BootClock::now() + 5s), 0);
}

TEST(Child, AnOrphanIsNobodysChild) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe.has_value());
  auto child = start_child({.descriptors = {-1, pipe->write_end.get(), -1},
                            .work = [] { (void)!::write(1, "hi", 2); },
                            .group = ChildSpec::Group::own_session,
                            .is_orphan = true});
  ASSERT_TRUE(child.has_value());
  EXPECT_EQ(child->pid(), 0);
  pipe->write_end.reset();
  EXPECT_EQ(read_all(pipe->read_end), "hi");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Child, WithoutRightsItIsNobody) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(printed({.drop_rights = true},
                    "id -u; id -G; "
                    "grep CapEff /proc/$$/status | tr -d '\\t'"),
            "65534\n65534\nCapEff:0000000000000000\n");
}

}  // namespace
}  // namespace gpuward::host
