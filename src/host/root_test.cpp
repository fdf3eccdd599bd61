#include "host/root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/walk.h"
#include "support/temp_tree.h"

namespace gpuward::host {
namespace {

Root root_of(const TempTree& tree) {
  auto root = Root::open(tree.path());
  EXPECT_TRUE(root.has_value());
  return std::move(*root);
}

Error::Kind kind_of(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? Error::Kind::system : result.error().kind;
}

TEST(Root, ReadsListsAndFollowsLinksInside) {
  TempTree tree;
  tree.file("/etc/b", " word \n").file("/etc/a", "");
  tree.link("/abs", "/etc/b").link("/up", "../../../../etc/b");
  const Root root = root_of(tree);
  EXPECT_EQ(root.read("/etc/b"), " word \n");
  EXPECT_EQ(root.read_word("/abs"), "word");
  EXPECT_EQ(root.read_word("/up"), "word");
  EXPECT_EQ(root.read("/etc/b", 3), " wo");
  EXPECT_EQ(root.list("/etc"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(root.read_link("/abs"), "/etc/b");
  EXPECT_FALSE(root.read_link("/etc/a").has_value());
  EXPECT_TRUE(S_ISLNK(root.lstat("/abs")->st_mode));
  EXPECT_TRUE(root.exists("/etc/a"));
  EXPECT_EQ(root.outside("/etc/a"), tree.path() + "/etc/a");
}

TEST(Root, SaysWhatIsMissingOrNoFile) {
  TempTree tree;
  tree.directory("/etc");
  const Root root = root_of(tree);
  EXPECT_EQ(kind_of(root.read("/etc/none")), Error::Kind::not_found);
  EXPECT_NE(root.read("/etc/none").error().text.find(tree.path()),
            std::string::npos);
  EXPECT_EQ(kind_of(root.read("/etc")), Error::Kind::unsupported);
  EXPECT_EQ(kind_of(root.read("etc")), Error::Kind::malformed);
  EXPECT_EQ(kind_of(root.open_file("/etc/x", O_WRONLY | O_CREAT)),
            Error::Kind::unsupported);
  ASSERT_EQ(::mkfifo((tree.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(kind_of(root.read("/pipe")), Error::Kind::unsupported);
}

TEST(Root, LawSeesThroughNamesAndLinks) {
  TempTree tree;
  tree.file("/proc/driver/nvidia/version", "x").file("/dev/nvidia0", "");
  tree.file("/sys/devices/pci0000:0a/0000:0f:00.0/config", "x");
  tree.link("/sys/bus/pci/devices/0000:0f:00.0",
            "../../../devices/pci0000:0a/0000:0f:00.0");
  tree.link("/harmless", "proc/driver").link("/node", "/dev/nvidia0");
  tree.link("/bus", "/sys/bus/pci/devices/0000:0f:00.0");
  tree.directory("/x");
  const Root root = root_of(tree);
  for (const char* path :
       {"/proc/driver/nvidia/version", "//proc/./driver//nvidia/version",
        "/x/../proc/driver/nvidia/version", "/harmless/nvidia/version", "/node",
        "/dev/nvidia0", "/bus/config"}) {
    EXPECT_EQ(kind_of(root.read(path)), Error::Kind::may_block) << path;
  }
  EXPECT_TRUE(root.lstat("/dev/nvidia0").has_value());
}

TEST(Root, RefusesDevicesUnderAnyName) {
  TempTree tree;
  const std::string node = tree.path() + "/looks-like-a-file";
  if (::mknod(node.c_str(), S_IFCHR | 0600, makedev(195, 255)) != 0) {
    GTEST_SKIP() << "needs root";
  }
  const Root root = root_of(tree);
  EXPECT_EQ(kind_of(root.read("/looks-like-a-file")), Error::Kind::may_block);
  const auto machine = Root::open("/");
  EXPECT_TRUE(machine->open_file("/dev/null", O_RDONLY).has_value());
}

TEST(Root, ReadsTheRealProc) {
  const auto root = Root::open("/");
  ASSERT_TRUE(root.has_value());
  EXPECT_TRUE(root->is_machine());
  const std::string own = "/proc/" + std::to_string(::getpid());
  EXPECT_TRUE(root->read(own + "/stat").has_value());
  EXPECT_TRUE(root->read("/proc/self/stat").has_value());
  EXPECT_EQ(kind_of(root->read("/proc/self/maps")), Error::Kind::may_block);
  EXPECT_TRUE(root->read_link(own + "/exe").has_value());
  EXPECT_FALSE(root->read(own + "/root/etc/hostname").has_value());
}

// The same questions to the fallback that works without openat2.
TEST(Walk, AnswersLikeOpenat2) {
  TempTree tree;
  tree.file("/etc/b", "word").link("/abs", "/etc/b").link("/loop", "/loop");
  tree.link("/up", "../../../../etc/./b").link("/dir", "etc");
  tree.link("/etc/out", "/etc/b");
  const Fd root(::open(tree.path().c_str(), O_PATH | O_DIRECTORY));
  for (const char* path :
       {"/etc/b", "/abs", "/up", "/dir/b", "/../etc//b", "/dir/out"}) {
    const auto fd = walk_in_root(root.get(), path, O_RDONLY);
    ASSERT_TRUE(fd.has_value()) << path;
    char text[8] = {};
    EXPECT_EQ(::read(fd->get(), text, sizeof text), 4);
  }
  EXPECT_TRUE(walk_in_root(root.get(), "/", O_RDONLY).has_value());
  EXPECT_TRUE(walk_in_root(root.get(), "/dir/", O_RDONLY).has_value());
  EXPECT_TRUE(
      walk_in_root(root.get(), "/loop", O_PATH | O_NOFOLLOW).has_value());
  for (const auto& [path, number] :
       {std::pair{"/loop", ELOOP}, {"/none", ENOENT}, {"/etc/b/c", ENOTDIR}}) {
    const auto fd = walk_in_root(root.get(), path, O_RDONLY);
    ASSERT_FALSE(fd.has_value()) << path;
    EXPECT_EQ(fd.error().error_number, number) << path;
  }
}

TEST(Walk, RefusesMagicLinks) {
  const Fd root(::open("/", O_PATH | O_DIRECTORY));
  EXPECT_TRUE(walk_in_root(root.get(), "/proc/self/stat", O_RDONLY));
  const auto fd = walk_in_root(root.get(), "/proc/self/root/etc", O_RDONLY);
  ASSERT_FALSE(fd.has_value());
  EXPECT_EQ(fd.error().error_number, ELOOP);
}

TEST(Walk, NormalPath) {
  EXPECT_EQ(normal_path("/a/./b//../c/"), "/a/c");
  EXPECT_EQ(normal_path("/../.."), "/");
  EXPECT_EQ(normal_path("/"), "/");
}

}  // namespace
}  // namespace gpuward::host
