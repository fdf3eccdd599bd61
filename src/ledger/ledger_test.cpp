#include "ledger/ledger.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>

#include "ledger/store.h"
#include "support/temp_tree.h"

namespace gpuward::ledger {
namespace {

Step step(const std::string& name = "web") {
  Step out;
  out.action = "restore-device-access";
  out.subject = {Subject::Kind::container, name};
  out.text = "allow /dev/nvidia0";
  out.arguments.set("pid", 4711);
  return out;
}

Json undo() {
  Json out;
  out.set("list", "before");
  return out;
}

Ledger open(const TempTree& tree) {
  auto ledger = Ledger::open_for_acting(tree.path() + "/state", "boot-1");
  EXPECT_TRUE(ledger) << ledger.error().text;
  return std::move(*ledger);
}

std::string file_of(const TempTree& tree) {
  return tree.path() + "/state/ledger.db";
}

TEST(Ledger, KeepsWhatWasBegun) {
  const TempTree tree;
  int64_t first = 0;
  {
    Ledger ledger = open(tree);
    first = ledger.begin(step("a"), undo()).value();
    const int64_t second = ledger.begin(step("b"), undo()).value();
    ASSERT_TRUE(ledger.advance(second, Stage::ran, ""));
    const int64_t third = ledger.begin(step("c"), undo()).value();
    ASSERT_TRUE(ledger.close(third, {Outcome::State::done, step("c"), "", {}}));
    ASSERT_TRUE(ledger.record_refusal({step().subject, "what", "why"}));
  }
  Ledger ledger = open(tree);
  const auto unfinished = ledger.unfinished();
  ASSERT_TRUE(unfinished) << unfinished.error().text;
  ASSERT_EQ(unfinished->size(), 2u);
  EXPECT_EQ(unfinished->at(0).id, first);
  EXPECT_EQ(unfinished->at(0).step, step("a"));
  EXPECT_EQ(unfinished->at(0).undo, undo());
  EXPECT_EQ(unfinished->at(0).boot_id, "boot-1");
  EXPECT_EQ(unfinished->at(0).stage, Stage::begun);
  EXPECT_EQ(unfinished->at(1).stage, Stage::ran);
  const auto entries = ledger.entries(2);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(entries->at(0).kind, "refusal");
  EXPECT_EQ(entries->at(1).kind, "outcome");
}

TEST(Ledger, ManyRowsCome) {
  const TempTree tree;
  Ledger ledger = open(tree);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(ledger.begin(step(std::string(20'000, 'x')), undo()));
  }
  EXPECT_EQ(ledger.unfinished().value().size(), 100u);
  EXPECT_EQ(ledger.entries(1000).value().size(), 100u);
}

TEST(Ledger, WhatIsTooLargeIsRefused) {
  const TempTree tree;
  Ledger ledger = open(tree);
  const auto large = ledger.begin(step(std::string(200'000, '"')), undo());
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, Error::Kind::malformed);
  // What can be written can be read, however it is quoted.
  ASSERT_TRUE(ledger.begin(step(std::string(30'000, '"')), undo()));
  EXPECT_EQ(ledger.unfinished().value().size(), 1u);
}

TEST(Ledger, ReadingMakesNothing) {
  const TempTree tree;
  const auto none = Ledger::open_for_reading(tree.path() + "/state");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, Error::Kind::not_found);
  EXPECT_FALSE(std::filesystem::exists(tree.path() + "/state"));
}

TEST(Ledger, IsForRootAlone) {
  const TempTree tree;
  open(tree);
  using std::filesystem::perms;
  using std::filesystem::status;
  EXPECT_EQ(status(tree.path() + "/state").permissions(), perms::owner_all);
  EXPECT_EQ(status(file_of(tree)).permissions(),
            perms::owner_read | perms::owner_write);
  std::filesystem::permissions(tree.path() + "/state", perms::all);
  const auto open_to_all =
      Ledger::open_for_acting(tree.path() + "/state", "boot-1");
  ASSERT_FALSE(open_to_all);
  EXPECT_EQ(open_to_all.error().kind, Error::Kind::denied);
}

void expect_damaged(const TempTree& tree, Error::Kind kind,
                    std::string_view part) {
  const auto size = std::filesystem::file_size(file_of(tree));
  auto ledger = Ledger::open_for_acting(tree.path() + "/state", "boot-1");
  const auto read =
      ledger ? ledger->unfinished() : std::unexpected(ledger.error());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, kind) << read.error().text;
  EXPECT_NE(read.error().text.find(part), std::string::npos)
      << read.error().text;
  EXPECT_EQ(std::filesystem::file_size(file_of(tree)), size);
}

TEST(Ledger, ADamagedFileIsKeptAndSaid) {
  const TempTree tree;
  {
    Ledger ledger = open(tree);
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(ledger.begin(step(), undo()));
    }
  }
  std::fstream file(file_of(tree), std::ios::in | std::ios::out);
  file.seekp(4096);
  file << std::string(40'000, '?') << std::flush;
  expect_damaged(tree, Error::Kind::malformed, "is damaged");
  file.seekp(0);
  file << "This is no database at all" << std::flush;
  expect_damaged(tree, Error::Kind::malformed, "is damaged");
}

TEST(Ledger, ANewersFileIsLeft) {
  const TempTree tree;
  { const Ledger made = open(tree); }
  std::fstream file(file_of(tree), std::ios::in | std::ios::out);
  file.seekp(63);  // the low byte of user_version in SQLite's header
  file << '\x02' << std::flush;
  expect_damaged(tree, Error::Kind::unsupported, "newer gpuward");
}

TEST(Store, ForgetsWhatHasEnded) {
  const TempTree tree;
  Store store = Store::open_for_acting(tree.path() + "/state").value();
  const auto add = [&store](int64_t operation, int64_t at,
                            const std::string& kind) {
    return store.append({0, operation, Wall(Millis(at)), "", kind, "{}"})
        .value();
  };
  const int64_t open_one = add(Store::kNew, 1, "begun");
  const int64_t old_one = add(Store::kNew, 900, "begun");
  add(old_one, 10, "outcome");  // the clock was set back meanwhile
  const int64_t fresh = add(Store::kNew, 2, "begun");
  add(fresh, 500, "outcome");
  add(0, 3, "refusal");
  ASSERT_TRUE(store.forget(Wall(Millis(100)), 1000));
  EXPECT_EQ(store.newest(100).value().size(), 3u);
  ASSERT_EQ(store.unfinished().value().size(), 1u);
  EXPECT_EQ(store.unfinished().value()[0].begun.id, open_one);
  ASSERT_TRUE(store.forget(Wall(Millis(0)), 0));
  ASSERT_EQ(store.newest(100).value().size(), 1u);
  EXPECT_EQ(store.newest(100).value()[0].id, open_one);
}

TEST(Ledger, OneActsAtATime) {
  const TempTree tree;
  Ledger first = open(tree);
  Ledger second = open(tree);
  // A child that came and stays does not hold it longer than we do.
  pid_t child = 0;
  {
    const auto held = first.lock_for_acting();
    ASSERT_TRUE(held);
    const auto refused = second.lock_for_acting(100ms);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, Error::Kind::busy);
    EXPECT_NE(refused.error().text.find(std::to_string(::getpid())),
              std::string::npos)
        << refused.error().text;
    child = ::fork();
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    ASSERT_GT(child, 0);
  }
  EXPECT_TRUE(second.lock_for_acting(100ms));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

// The keeper's pid, which only a time-out says.
pid_t pid_in(const std::string& text) {
  const size_t at = text.find("(process ");
  pid_t pid = 0;
  if (at != std::string::npos) {
    const char* begin = text.data() + at + 9;
    std::from_chars(begin, text.data() + text.size(), pid);
  }
  return pid;
}

std::string stat_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t end = text.rfind(')');
  return end == std::string::npos ? "" : text.substr(end + 2, 1);
}

int shell(const std::string& line) {
  return ::system(line.c_str());  // NOLINT(cert-env33-c): a test's own mount
}

// A disk that does not answer: ext4 on a loop device, frozen.
class FrozenDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const std::string image = tree_.path() + "/image";
    mount_ = tree_.path() + "/disk";
    tree_.directory("/disk");
    if (shell("truncate -s 8M " + image + " && mkfs.ext4 -q -F " + image +
              " && mount -o loop " + image + " " + mount_) != 0) {
      mount_.clear();
      GTEST_SKIP() << "no loop device or mkfs.ext4 here";
    }
  }
  void TearDown() override {
    if (mount_.empty()) return;
    freeze(false);
    EXPECT_EQ(
        shell("for i in 1 2 3 4 5 6 7 8 9; do umount " + mount_ +
              " 2>/dev/null && exit 0; sleep 0.1; done; umount -l " + mount_),
        0);
  }
  void freeze(bool frozen) const {
    const Fd folder(::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ::ioctl(folder.get(), frozen ? FIFREEZE : FITHAW, 0);
  }

  TempTree tree_;
  std::string mount_;
};

TEST_F(FrozenDisk, StallsOnlyTheKeeper) {
  Boot began;
  pid_t keeper = 0;
  {
    auto ledger = Ledger::open_for_acting(mount_ + "/state", "boot-1", 300ms);
    ASSERT_TRUE(ledger) << ledger.error().text;
    ASSERT_TRUE(ledger->begin(step("before"), undo()));
    freeze(true);
    began = BootClock::now();
    const auto late = ledger->begin(step("frozen"), undo());
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, Error::Kind::timeout);
    keeper = pid_in(late.error().text);
    ASSERT_GT(keeper, 0) << late.error().text;
    EXPECT_EQ(stat_of(keeper), "D");
    // What comes after it does not wait again.
    EXPECT_EQ(ledger->unfinished().error().kind, Error::Kind::timeout);
    EXPECT_EQ(ledger->lock_for_acting().error().kind, Error::Kind::timeout);
  }
  EXPECT_LT(BootClock::now() - began, 600ms);
  EXPECT_EQ(stat_of(keeper), "D");
  // No second one is started to wait as well, and nobody hangs.
  began = BootClock::now();
  const auto again =
      Ledger::open_for_acting(mount_ + "/state", "boot-1", 300ms);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, Error::Kind::timeout);
  EXPECT_EQ(pid_in(again.error().text), keeper);
  EXPECT_LT(BootClock::now() - began, 200ms);
  freeze(false);
  for (int i = 0; i < 200 && !stat_of(keeper).empty(); ++i) ::usleep(10'000);
  EXPECT_EQ(stat_of(keeper), "");
  auto after = Ledger::open_for_acting(mount_ + "/state", "boot-1");
  ASSERT_TRUE(after) << after.error().text;
  // Whether the late one came through nobody had been told.
  EXPECT_GE(after->unfinished().value().size(), 1u);
  EXPECT_TRUE(after->begin(step("after"), undo()));
}

}  // namespace
}  // namespace gpuward::ledger
