#include "snapshot/wire.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "host/task.h"

namespace gpuward::snapshot {
namespace {

class WireTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gpuward-wire-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    dir_ = pattern;
    auto host = host::Host::open({.root = "/", .run_dir = dir_});
    ASSERT_TRUE(host.has_value());
    host_.emplace(std::move(*host));
  }
  void TearDown() override {
    for (const char* name : {"/snapshot.json", "/snapshot.json.new"}) {
      ::unlink((dir_ + name).c_str());
    }
    ::rmdir(dir_.c_str());
  }

  Snapshot snapshot() const {
    Snapshot out;
    out.boot_id = *host::boot_id_of(host_->self);
    out.hostname = "node";
    out.taken_at = wall_now();
    return out;
  }

  std::string dir_;
  std::optional<host::Host> host_;
};

TEST_F(WireTest, AsksThereAndBack) {
  const auto round = decode_ask(encode({.fresh = true, .patience = 3s}));
  ASSERT_TRUE(round.has_value());
  EXPECT_TRUE(round->fresh);
  EXPECT_EQ(round->patience, 3s);
  EXPECT_FALSE(decode_ask("{\"ask\":\"reboot\"}").has_value());
  EXPECT_FALSE(decode_ask("snapshot").has_value());
  EXPECT_EQ(decode_ask("{\"ask\":\"round\",\"patience_ms\":-5}")->patience, 0s);
}

TEST_F(WireTest, TheFileIsReadBackUnlessItIsOldOrOfAnotherBoot) {
  Snapshot one = snapshot();
  ASSERT_TRUE(write_snapshot(*host_, one).has_value());
  auto back = read_snapshot(*host_, 1min);
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(back->hostname, "node");

  one.taken_at -= 2min;
  ASSERT_TRUE(write_snapshot(*host_, one).has_value());
  EXPECT_EQ(read_snapshot(*host_, 1min).error().kind, Error::Kind::gone);

  one = snapshot();
  one.boot_id = "another";
  ASSERT_TRUE(write_snapshot(*host_, one).has_value());
  EXPECT_EQ(read_snapshot(*host_, 1min).error().kind, Error::Kind::gone);
}

TEST_F(WireTest, HalfAFileIsMalformedAndNoneIsNotFound) {
  EXPECT_EQ(read_snapshot(*host_, 1min).error().kind, Error::Kind::not_found);
  std::ofstream(snapshot_path(*host_)) << "{\"boot_id\": ";
  EXPECT_EQ(read_snapshot(*host_, 1min).error().kind, Error::Kind::malformed);
}

TEST_F(WireTest, NobodyListeningIsAnAnswerAtOnce) {
  const Boot before = BootClock::now();
  const auto answer = ask_agent(*host_, {.fresh = true}, 10s);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, Error::Kind::not_found);
  EXPECT_LT(BootClock::now() - before, 5s);
}

}  // namespace
}  // namespace gpuward::snapshot
