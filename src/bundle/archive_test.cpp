#include "bundle/archive.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/fd.h"
#include "bundle/read.h"
#include "support/temp_tree.h"

namespace gpuward::bundle {
namespace {

constexpr Wall kWhen{std::chrono::seconds(1'700'000'000)};

std::string packed(const std::string& name, std::string_view text) {
  Archive archive("folder", kWhen);
  EXPECT_TRUE(archive.add(name, text));
  return archive.finish().value();
}

Boot soon() { return BootClock::now() + 1min; }

std::string error_of(const TempTree& tree, std::string_view content) {
  const std::string path = tree.path() + "/x.tar.gz";
  std::ofstream(path, std::ios::binary) << content;
  const auto seen = read_bundle(path, soon());
  return seen ? "no error" : seen.error().text;
}

TEST(NewFile, IsThereWholeAndForItsOwnerAlone) {
  TempTree tree;
  const std::string path = tree.path() + "/new";
  ASSERT_TRUE(write_new_file(path, "text"));
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "text");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  // Nothing else is left in the folder.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(tree.path()),
                          std::filesystem::directory_iterator()),
            1);
}

TEST(NewFile, ReplacesNothing) {
  TempTree tree;
  tree.file("/old", "old").link("/link", "nowhere");
  for (const char* name : {"/old", "/link"}) {
    const auto done = write_new_file(tree.path() + name, "new");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, Error::Kind::busy);
    EXPECT_NE(done.error().text.find("-o"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(tree.path() + "/nowhere"));
}

TEST(Archive, RefusesNamesThatDoNotFit) {
  Archive archive("folder", kWhen);
  EXPECT_FALSE(archive.add(std::string(300, 'x'), ""));
  EXPECT_TRUE(
      archive.add(std::string(90, 'x') + "/" + std::string(90, 'y'), "text"));
}

TEST(ReadBundle, SaysWhatIsWrong) {
  TempTree tree;
  EXPECT_NE(error_of(tree, "some text\n").find("--log"), std::string::npos);
  EXPECT_NE(error_of(tree, "{\"a\":1}").find("no evidence"), std::string::npos);
  EXPECT_NE(error_of(tree, packed("x.txt", "text")).find("evidence.json"),
            std::string::npos);
  EXPECT_NE(error_of(tree, packed("evidence.json", "{\"gpuward\":"))
                .find("evidence.json"),
            std::string::npos);
  EXPECT_NE(
      error_of(tree, packed("evidence.json",
                            R"({"gpuward":"evidence of a bundle","schema":2})"))
          .find("newer gpuward"),
      std::string::npos);
  EXPECT_NE(
      error_of(tree, packed("evidence.json",
                            R"({"gpuward":"evidence of a bundle","schema":1,
                                "diagnosed_at":"2026-01-01T00:00:00.000Z",
                                "evidence":[{"source":7}]})"))
          .find("evidence[0]"),
      std::string::npos);
}

TEST(WriteNewFile, KilledInTheMiddleItLeavesNothing) {
  TempTree tree;
  const std::string path = tree.path() + "/b.tar.gz";
  const std::string content(1 << 20, 'x');
  const pid_t child = ::fork();
  if (child == 0) {
    // The kernel kills who writes beyond it.
    const rlimit small{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &small);
    ::signal(SIGXFSZ, SIG_DFL);
    static_cast<void>(write_new_file(path, content));
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(std::filesystem::is_empty(tree.path()));
}

TEST(ReadBundle, TakesNoCutAndNoBomb) {
  TempTree tree;
  const std::string whole = packed("x.txt", std::string(100'000, 'x') + "y");
  EXPECT_NE(error_of(tree, std::string_view(whole).substr(0, 60)).find("cut"),
            std::string::npos);
  std::string damaged = packed("evidence.json", "{}");
  damaged[damaged.size() / 2] ^= 0x55;
  EXPECT_NE(error_of(tree, damaged), "no error");
  // 150 MB of zeros in 150 KB.
  const std::string bomb = packed("x.bin", std::string(150 << 20, '\0'));
  EXPECT_NE(error_of(tree, bomb).find("unpacks to more"), std::string::npos);
  const std::string long_json =
      packed("evidence.json", std::string(40 << 20, ' '));
  EXPECT_NE(error_of(tree, long_json).find("longer than any"),
            std::string::npos);
}

TEST(ReadBundle, TakesNoListWithoutEnd) {
  TempTree tree;
  std::string text =
      R"({"gpuward":"evidence of a bundle","schema":1,
          "diagnosed_at":"2026-01-01T00:00:00.000Z","evidence":[{})";
  for (int i = 0; i < 400'000; ++i) text += ",{}";
  EXPECT_NE(error_of(tree, packed("evidence.json", text + "]}"))
                .find("evidence is longer"),
            std::string::npos);
}

TEST(ReadBundle, AFolderIsNone) {
  TempTree tree;
  const auto seen = read_bundle(tree.path(), soon());
  ASSERT_FALSE(seen);
  EXPECT_NE(seen.error().text.find("--log"), std::string::npos);
}

TEST(IsBundle, GoesByTheIndexAlone) {
  TempTree tree;
  const std::string path = tree.path() + "/x";
  const auto is_one = [&](std::string_view content) {
    std::ofstream(path, std::ios::binary) << content;
    return is_bundle(path, soon());
  };
  EXPECT_TRUE(is_one(packed("index.json", "{\n \"gpuward\": \"bundle\",")));
  EXPECT_FALSE(is_one(packed("index.json", "{\"else\": \"bundle\"}")));
  EXPECT_FALSE(is_one(packed("kern.log", "\"gpuward\": \"bundle\"")));
  EXPECT_FALSE(is_one("text"));
  EXPECT_FALSE(is_bundle(tree.path() + "/nowhere", soon()));
}

TEST(IsBundle, TakesNothingOutOfAPipe) {
  TempTree tree;
  const std::string path = tree.path() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Fd both(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ASSERT_EQ(::write(both.get(), "text", 4), 4);
  EXPECT_FALSE(is_bundle(path, soon()));
  char back[8];
  EXPECT_EQ(::read(both.get(), back, sizeof back), 4);
}

}  // namespace
}  // namespace gpuward::bundle
