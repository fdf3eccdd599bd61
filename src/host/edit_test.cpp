#include "host/edit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "support/temp_tree.h"

namespace gpuward::host {
namespace {

using Kind = Error::Kind;

Root root_of(const TempTree& tree) {
  auto root = Root::open(tree.path());
  EXPECT_TRUE(root.has_value());
  return std::move(*root);
}

Kind kind_of(const Result<void>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Kind::system : result.error().kind;
}

mode_t mode_of(const Root& root, std::string_view path) {
  return root.lstat(path)->st_mode & 07777;
}

TEST(WriteFile, MakesAndReplacesAndLeavesNothingElse) {
  TempTree tree;
  tree.directory("/etc");
  const Root root = root_of(tree);
  const mode_t umask_before = ::umask(077);
  ASSERT_TRUE(write_file(root, "/etc/a.conf", "one\n"));
  ::umask(umask_before);
  EXPECT_EQ(mode_of(root, "/etc/a.conf"), 0644u);
  ASSERT_TRUE(write_file(root, "/etc/a.conf", "two\n"));
  ASSERT_TRUE(write_file(root, "/a.conf", ""));
  EXPECT_EQ(root.read("/etc/a.conf"), "two\n");
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"a.conf"}));
}

TEST(WriteFile, KeepsOwnerModeAndAttributes) {
  TempTree tree;
  tree.file("/etc/a.conf", "old");
  const Root root = root_of(tree);
  const std::string outside = tree.path() + "/etc/a.conf";
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::chown(outside.c_str(), 123, 456), 0);
  }
  ASSERT_EQ(::chmod(outside.c_str(), 0640), 0);
  const bool has_attributes =
      ::setxattr(outside.c_str(), "user.note", "x", 1, 0) == 0;
  ASSERT_TRUE(write_file(root, "/etc/a.conf", "new"));
  EXPECT_EQ(root.read("/etc/a.conf"), "new");
  EXPECT_EQ(mode_of(root, "/etc/a.conf"), 0640u);
  if (is_root) {
    EXPECT_EQ(root.lstat("/etc/a.conf")->st_uid, 123u);
    EXPECT_EQ(root.lstat("/etc/a.conf")->st_gid, 456u);
  }
  char value = 0;
  if (has_attributes) {
    EXPECT_EQ(::getxattr(outside.c_str(), "user.note", &value, 1), 1);
    EXPECT_EQ(value, 'x');
  } else {
    GTEST_SKIP() << "this file system keeps no extended attributes";
  }
}

TEST(WriteFile, LinkedParentsStayInside) {
  TempTree tree;
  tree.directory("/usr/etc");
  tree.link("/etc", "/usr/etc").link("/up", "../../../../../usr/etc");
  const Root root = root_of(tree);
  ASSERT_TRUE(write_file(root, "/etc/a", "a"));
  ASSERT_TRUE(write_file(root, "/up/b", "b"));
  EXPECT_EQ(root.list("/usr/etc"), (std::vector<std::string>{"a", "b"}));
}

TEST(WriteFile, NeverThroughALastLinkNorOverWhatIsNoFile) {
  TempTree tree;
  tree.file("/etc/shadow", "secret").link("/tmp/a", "/etc/shadow");
  tree.directory("/tmp/folder").link("/tmp/dangling", "/etc/made-by-it");
  const Root root = root_of(tree);
  EXPECT_EQ(kind_of(write_file(root, "/tmp/a", "x")), Kind::busy);
  EXPECT_EQ(kind_of(write_file(root, "/tmp/dangling", "x")), Kind::busy);
  EXPECT_EQ(kind_of(write_file(root, "/tmp/folder", "x")), Kind::busy);
  EXPECT_EQ(root.read("/etc/shadow"), "secret");
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"shadow"}));
}

TEST(WriteFile, SaysNoToWhatIsNoPlace) {
  TempTree tree;
  tree.directory("/etc").directory("/dev");
  const Root root = root_of(tree);
  for (const char* path : {"", "etc/a", "/", "/etc/", "/etc/..", "/etc/."}) {
    EXPECT_EQ(kind_of(write_file(root, path, "x")), Kind::malformed) << path;
  }
  EXPECT_EQ(kind_of(write_file(root, "/none/a", "x")), Kind::not_found);
  EXPECT_EQ(kind_of(write_file(root, "/etc/../dev/nvidia0", "x")),
            Kind::may_block);
  EXPECT_EQ(kind_of(make_link(root, "/dev/nvidia0", "x")), Kind::may_block);
}

TEST(WriteFile, AFailureLeavesTheOldFileAndNothingTemporary) {
  TempTree tree;
  tree.file("/etc/a", "old");
  const Root root = root_of(tree);
  struct rlimit_guard {
    void (*before)(int) = ::signal(SIGXFSZ, SIG_IGN);
    ~rlimit_guard() { ::signal(SIGXFSZ, before); }
  } const guard;
  // In a child: the limit on a file's size cannot be raised again.
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{4, 4};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(write_file(root, "/etc/a", "longer than four") ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(root.read("/etc/a"), "old");
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"a"}));
}

TEST(WriteFile, RemovesWhatAKilledWriterLeft) {
  TempTree tree;
  tree.file("/etc/a", "old").file("/etc/.gpuward-new.00ff", "half");
  tree.link("/etc/.gpuward-new.00fe", "/nowhere").file("/etc/.other", "");
  const Root root = root_of(tree);
  ASSERT_TRUE(write_file(root, "/etc/a", "new"));
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{".other", "a"}));
}

TEST(WriteFile, AKilledWriterLeavesAWholeFile) {
  TempTree tree;
  const std::string old(5000, 'a');
  const std::string young(90000, 'b');
  tree.file("/etc/a", old);
  const Root root = root_of(tree);
  for (int round = 0; round < 10; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      while (write_file(root, "/etc/a", young) &&
             write_file(root, "/etc/a", old)) {
      }
      ::_exit(1);
    }
    while (root.read("/etc/a")->size() == old.size()) {
    }
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const auto seen = root.read("/etc/a");
    ASSERT_TRUE(seen && (*seen == old || *seen == young));
    ASSERT_TRUE(write_file(root, "/etc/a", old));
    EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"a"}));
  }
}

TEST(WriteFile, ALivingWritersFileIsLeftAlone) {
  TempTree tree;
  tree.file("/etc/a", "old").file("/etc/.gpuward-new.00ff", "being written");
  const Root root = root_of(tree);
  const Fd other(::open((tree.path() + "/etc").c_str(), O_RDONLY));
  ASSERT_EQ(::flock(other.get(), LOCK_SH), 0);
  ASSERT_TRUE(write_file(root, "/etc/a", "new"));
  EXPECT_TRUE(root.exists("/etc/.gpuward-new.00ff"));
  // A stranger's lock keeps nobody from writing.
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  ASSERT_TRUE(write_file(root, "/etc/a", "newer"));
  EXPECT_EQ(root.read("/etc/a"), "newer");
}

TEST(WriteFile, ReadersSeeOneOrTheOther) {
  TempTree tree;
  const std::string old(5000, 'a');
  const std::string young(9000, 'b');
  tree.file("/a", old);
  const Root root = root_of(tree);
  std::jthread writer([&root, &old, &young] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(write_file(root, "/a", i % 2 == 0 ? young : old));
    }
  });
  for (int i = 0; i < 500; ++i) {
    const auto seen = root.read("/a");
    ASSERT_TRUE(seen && (*seen == old || *seen == young));
  }
}

TEST(MakeLink, MakesAndReplacesLinksAndNothingElse) {
  TempTree tree;
  tree.directory("/dev/char").file("/dev/char/file", "mine");
  tree.directory("/dev/char/folder");
  const Root root = root_of(tree);
  ASSERT_TRUE(make_link(root, "/dev/char/195:0", "/dev/nvidia1"));
  ASSERT_TRUE(make_link(root, "/dev/char/195:0", "../nvidia0"));
  EXPECT_EQ(root.read_link("/dev/char/195:0"), "../nvidia0");
  EXPECT_EQ(kind_of(make_link(root, "/dev/char/file", "x")), Kind::busy);
  EXPECT_EQ(kind_of(make_link(root, "/dev/char/folder", "x")), Kind::busy);
  EXPECT_EQ(kind_of(make_link(root, "/dev/char/x", "")), Kind::malformed);
  EXPECT_EQ(root.read("/dev/char/file"), "mine");
  EXPECT_EQ(root.list("/dev/char"),
            (std::vector<std::string>{"195:0", "file", "folder"}));
}

TEST(MakeLink, AnAttackersLinkIsReplacedAndNotFollowed) {
  TempTree tree;
  tree.file("/etc/passwd", "root").link("/dev/char/195:0", "/etc/passwd");
  tree.link("/dev/char/195:1", "/etc");
  const Root root = root_of(tree);
  ASSERT_TRUE(make_link(root, "/dev/char/195:0", "/dev/nvidia0"));
  ASSERT_TRUE(make_link(root, "/dev/char/195:1", "/dev/nvidia1"));
  EXPECT_EQ(root.read("/etc/passwd"), "root");
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"passwd"}));
  EXPECT_EQ(root.read_link("/dev/char/195:1"), "/dev/nvidia1");
}

TEST(RemoveFile, TheLinkAndNotWhatItPointsAt) {
  TempTree tree;
  tree.file("/etc/a", "a").link("/etc/b", "a").directory("/etc/c");
  const Root root = root_of(tree);
  ASSERT_TRUE(remove_file(root, "/etc/b"));
  EXPECT_EQ(kind_of(remove_file(root, "/etc/b")), Kind::not_found);
  EXPECT_EQ(kind_of(remove_file(root, "/etc/c")), Kind::busy);
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"a", "c"}));
  ASSERT_TRUE(remove_file(root, "/etc/a"));
}

TEST(MakeFolder, WithParentsWhateverTheUmask) {
  TempTree tree;
  tree.directory("/usr/lib").link("/lib", "usr/lib").file("/file", "");
  const Root root = root_of(tree);
  const mode_t umask_before = ::umask(077);
  ASSERT_TRUE(make_folder(root, "/lib/a/b"));
  ::umask(umask_before);
  ASSERT_TRUE(make_folder(root, "/lib/a/b/"));
  ASSERT_TRUE(make_folder(root, "/"));
  EXPECT_EQ(mode_of(root, "/usr/lib/a"), 0755u);
  EXPECT_EQ(mode_of(root, "/usr/lib/a/b"), 0755u);
  EXPECT_EQ(kind_of(make_folder(root, "/file/a")), Kind::busy);
  EXPECT_EQ(kind_of(make_folder(root, "a")), Kind::malformed);
}

}  // namespace
}  // namespace gpuward::host
