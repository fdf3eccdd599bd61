#include "probe/slot.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>

#include "host/task.h"

namespace gpuward::probe {
namespace {

class SlotTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gpuward-slot-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    dir_ = pattern;
    auto host = host::Host::open({.root = "/", .run_dir = dir_});
    ASSERT_TRUE(host.has_value()) << host.error().text;
    host_.emplace(std::move(*host));
  }
  void TearDown() override {
    for (const char* name : {"/prober-1", "/prober-2"}) {
      ::unlink((dir_ + name).c_str());
    }
    ::rmdir(dir_.c_str());
  }
  // What a prober does first.
  void identify(const Slot& slot, std::string_view boot_id, int pid) {
    auto map = ProgressMap::writer(slot.progress);
    ASSERT_TRUE(map.has_value());
    ProgressWriter writer(*map, 1.0);
    const auto stat = host::task_stat(host_->self, pid);
    writer.identify(boot_id, pid, stat ? stat->start_time : 1, ::getpid(),
                    host::task_stat(host_->self, ::getpid())->start_time);
    writer.begin("nvmlInit_v2", -1, CallClass::init);
  }

  std::string dir_;
  std::optional<host::Host> host_;
};

TEST_F(SlotTest, HasOneHolderAndIsFreeAgainWithTheLastDescriptor) {
  EXPECT_FALSE(holder_of(*host_, 1).has_value());
  auto slot = take_slot(*host_, 1);
  ASSERT_TRUE(slot.has_value()) << slot.error().text;
  EXPECT_TRUE(slot->shared);
  const auto again = take_slot(*host_, 1);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().kind, Error::Kind::busy);
  EXPECT_TRUE(take_slot(*host_, 2).has_value());

  // The record alone keeps nothing: readers must not hold the lock.
  const auto map = ProgressMap::writer(slot->progress);
  slot->lock.reset();
  EXPECT_FALSE(holder_of(*host_, 1).has_value());
  EXPECT_TRUE(take_slot(*host_, 1).has_value());
}

TEST_F(SlotTest, TellsWhoHoldsItAndInWhat) {
  auto slot = take_slot(*host_, 1);
  ASSERT_TRUE(slot.has_value());
  identify(*slot, *host::boot_id_of(host_->self), ::getpid());
  const auto holder = holder_of(*host_, 1);
  ASSERT_TRUE(holder.has_value());
  ASSERT_TRUE(holder->progress.has_value()) << holder->why_unknown;
  EXPECT_EQ(holder->progress->symbol, "nvmlInit_v2");
  EXPECT_TRUE(holder->owner_alive);
}

TEST_F(SlotTest, ARecordOfAnotherBootOrOfATaskThatIsGoneSaysNothing) {
  auto slot = take_slot(*host_, 1);
  ASSERT_TRUE(slot.has_value());
  identify(*slot, "another-boot", ::getpid());
  auto holder = holder_of(*host_, 1);
  ASSERT_TRUE(holder.has_value());
  EXPECT_FALSE(holder->progress.has_value());
  EXPECT_NE(holder->why_unknown.find("another boot"), std::string::npos);

  identify(*slot, *host::boot_id_of(host_->self), 0x7ffffff0);
  holder = holder_of(*host_, 1);
  ASSERT_TRUE(holder.has_value());
  EXPECT_FALSE(holder->progress.has_value());
}

TEST_F(SlotTest, WithoutWriteAccessTheLockCountsAllTheSame) {
  if (::geteuid() == 0) {
    ASSERT_EQ(::chmod(dir_.c_str(), 0755), 0);
    ASSERT_TRUE(take_slot(*host_, 1).has_value());  // root makes the file
    ASSERT_EQ(::seteuid(65534), 0);
    auto slot = take_slot(*host_, 1);
    const auto again = take_slot(*host_, 1);
    ASSERT_EQ(::seteuid(0), 0);
    ASSERT_TRUE(slot.has_value()) << slot.error().text;
    EXPECT_FALSE(slot->shared);
    EXPECT_FALSE(again.has_value());
    EXPECT_FALSE(take_slot(*host_, 1).has_value());  // root respects it too
  } else {
    GTEST_SKIP() << "needs root to be two users";
  }
}

}  // namespace
}  // namespace gpuward::probe
