#include "agent/readers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "support/temp_tree.h"

namespace gpuward::agent {
namespace {

// A client that says what a test wants, and never waits.
class Client {
 public:
  explicit Client(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                        sizeof(address)),
              0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void say(std::string_view text) const {
    (void)::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  std::string heard() const {
    std::string text(1 << 16, '\0');
    const ssize_t got = ::recv(fd_, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }
  bool is_dropped() const {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  int fd_;
};

class ReadersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto host = host::Host::open({.root = "/", .run_dir = tree_.path()});
    ASSERT_TRUE(host.has_value());
    host_.emplace(std::move(*host));
    auto readers = Readers::listen(
        *host_, loop_, [](Millis) { return Snapshot{.hostname = "node"}; },
        [this] { ++rounds_; });
    ASSERT_TRUE(readers.has_value()) << readers.error().text;
    readers_ = std::move(*readers);
  }
  std::string path() const { return snapshot::read_socket_path(*host_); }
  void pass(Millis time) {
    ASSERT_TRUE(loop_.pass(time));
    readers_->answer_late(loop_.now());
  }

  TempTree tree_;
  std::optional<host::Host> host_;
  loop::Loop loop_ = loop::Loop::create_for_test(Boot(1h)).value();
  int rounds_ = 0;
  std::unique_ptr<Readers> readers_;
};

constexpr std::string_view kRound =
    "{\"ask\":\"round\",\"patience_ms\":60000}\n";

TEST_F(ReadersTest, ASnapshotIsAnsweredAtOnce) {
  const Client client(path());
  client.say("{\"ask\":\"snapshot\"}\n");
  pass(0s);
  EXPECT_NE(client.heard().find("\"hostname\":\"node\""), std::string::npos);
  EXPECT_TRUE(client.is_dropped());
  EXPECT_EQ(rounds_, 0);
}

TEST_F(ReadersTest, ARoundIsAnsweredWhenItIsCompleteOrPatienceIsOver) {
  const Client patient(path());
  const Client hasty(path());
  patient.say(kRound);
  hasty.say("{\"ask\":\"round\",\"patience_ms\":1000}\n");
  pass(900ms);
  EXPECT_EQ(rounds_, 2);
  EXPECT_EQ(hasty.heard(), "");
  pass(100ms);
  EXPECT_NE(hasty.heard(), "");
  EXPECT_EQ(patient.heard(), "");
  readers_->answer_all({});
  EXPECT_NE(patient.heard(), "");
}

// It was parsed again with each word more, and each time began another round.
TEST_F(ReadersTest, WhoGoesOnTalkingIsDroppedAndStartsNoOtherRound) {
  const Client client(path());
  client.say(kRound);
  pass(0s);
  for (int i = 0; i < 3; ++i) {
    client.say(" ");
    pass(10ms);
  }
  EXPECT_TRUE(client.is_dropped());
  EXPECT_EQ(rounds_, 1);
}

TEST_F(ReadersTest, TwoRequestsAtOnceAreRefused) {
  const Client client(path());
  client.say(std::string(kRound) + std::string(kRound));
  pass(0s);
  EXPECT_NE(client.heard().find("one request for each connection"),
            std::string::npos);
  EXPECT_TRUE(client.is_dropped());
  EXPECT_EQ(rounds_, 0);
}

TEST_F(ReadersTest, WhoSaysNothingIsDropped) {
  const Client client(path());
  pass(4s);
  EXPECT_FALSE(client.is_dropped());
  pass(2s);
  EXPECT_TRUE(client.is_dropped());
}

// Its answer is not lost for it.
TEST_F(ReadersTest, WhoHasSaidAllMayCloseThatSide) {
  const Client client(path());
  client.say(kRound);
  pass(0s);
  readers_->answer_all({});
  EXPECT_NE(client.heard(), "");
}

}  // namespace
}  // namespace gpuward::agent
