#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "kubelet/record/call_log.h"
#include "kubelet/record/file_keeper.h"
#include "support/temp_tree.h"

namespace gpuward::kubelet::record {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(FileKeeper, KeepsTheNewestTextAndCopies) {
  TempTree tree;
  tree.file("/from", "copied");
  const std::string path = tree.path() + "/state.json";
  {
    FileKeeper keeper([](const std::string& text) { FAIL() << text; });
    for (int i = 0; i < 1000; ++i) keeper.replace(path, std::to_string(i));
    keeper.replace(tree.path() + "/public", "x", true);
    keeper.copy(tree.path() + "/from", tree.path() + "/to");
    keeper.copy(tree.path() + "/not there", tree.path() + "/nothing");
  }
  EXPECT_EQ(text_of(path), "999");
  EXPECT_EQ(text_of(tree.path() + "/to"), "copied");
  EXPECT_NE(::access((tree.path() + "/nothing").c_str(), F_OK), 0);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((tree.path() + "/public").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
}

TEST(FileKeeper, ComplainsOnceOfAFileThatItCannotKeep) {
  TempTree tree;
  int complaints = 0;
  {
    FileKeeper keeper([&](const std::string&) { ++complaints; });
    keeper.replace(tree.path() + "/no/such/directory", "1");
    keeper.copy(tree.path(), tree.path() + "/no/such/directory");
  }
  EXPECT_EQ(complaints, 1);
}

TEST(CallLog, CountsByResourceAndCall) {
  CallLog log("guard");
  using Outcome = CallLog::Outcome;
  log.call({.resource = "a/b",
            .method = "/v1beta1.DevicePlugin/Allocate",
            .took = std::chrono::microseconds(1500)});
  log.call({.resource = "a/b",
            .method = "Allocate",
            .outcome = Outcome::failed,
            .took = std::chrono::microseconds(500)});
  log.call({.resource = "other", .method = "Allocate"});
  EXPECT_EQ(log.counts_of("a/b").dump(),
            R"({"Allocate":{"answered":1,"degraded":0,"failed":1,)"
            R"("slowest_ms":1.5}})");
  EXPECT_EQ(log.counts_of("unknown").dump(), "{}");
}

TEST(CallLog, AFullPipeHoldsNobodyUp) {
  ::signal(SIGPIPE, SIG_IGN);  // as the roles do
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int before = ::dup(STDERR_FILENO);
  ASSERT_EQ(::dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
  {
    CallLog log("guard");
    // Far more than a pipe and the queue hold.
    const std::string text(4096, 'x');
    for (int i = 0; i < 3000; ++i) log.event("flood", "a/b", text);
    EXPECT_GT(log.dropped_lines(), 0);
    ::dup2(before, STDERR_FILENO);
    ::close(ends[0]);  // whoever still writes gets an error
    ::close(ends[1]);
  }
  ::close(before);
}

}  // namespace
}  // namespace gpuward::kubelet::record
