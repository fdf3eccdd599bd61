#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "kubelet/rpc/client.h"
#include "kubelet/rpc/server.h"

namespace gpuward::kubelet::rpc {
namespace {

constexpr Millis kLong = 20s;

class Rpc : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "rpc-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/a b.sock";  // a blank is escaped in a URI
    auto loop = loop::Loop::create();
    ASSERT_TRUE(loop.has_value());
    loop_ = std::make_unique<loop::Loop>(std::move(*loop));
    ASSERT_TRUE(loop_->at(1, BootClock::now() + kLong, [this] {
      ADD_FAILURE() << "nothing came in time";
      loop_->end();
    }));
    serve();
    auto client = RpcClient::open(*loop_, path_);
    ASSERT_TRUE(client.has_value()) << client.error().text;
    client_ = std::move(*client);
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    loop_.reset();
    std::filesystem::remove_all(folder_);
  }

  void serve() {
    auto server = RpcServer::serve(
        *loop_, path_,
        {.called =
             [this](RpcServer::CallId call, std::string_view method,
                    std::string request) {
               called_(call, std::string(method), std::move(request));
             },
         .left = [this](RpcServer::CallId call) { left_(call); }});
    ASSERT_TRUE(server.has_value()) << server.error().text;
    server_ = std::move(*server);
  }

  std::string folder_;
  std::string path_;
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<RpcClient> client_;
  std::function<void(RpcServer::CallId, std::string, std::string)> called_;
  std::function<void(RpcServer::CallId)> left_ = [](RpcServer::CallId) {};
};

TEST_F(Rpc, BytesGoThroughAsTheyAre) {
  const std::string bytes("\x00\xff no message \x01", 15);
  called_ = [this](auto call, auto method, auto request) {
    server_->answer(call, method + "|" + request);
  };
  RpcClient::Answer got;
  client_->call("/a.B/C", bytes, kLong, [&](RpcClient::Answer answer) {
    got = std::move(answer);
    loop_->end();
  });
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(got.status.code, RpcStatus::ok) << got.status.text;
  EXPECT_EQ(got.bytes, "/a.B/C|" + bytes);
}

TEST_F(Rpc, ARefusalArrivesWithItsWords) {
  called_ = [this](auto call, auto, auto) {
    server_->refuse(call, {.code = 77, .text = "no: ünknown", .details = "d"});
  };
  RpcStatus got;
  client_->call("/a.B/C", "", kLong, [&](RpcClient::Answer answer) {
    got = answer.status;
    loop_->end();
  });
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(got.code, RpcStatus::unknown);
  EXPECT_EQ(got.text, "no: ünknown");
  EXPECT_EQ(got.details, "d");
}

TEST_F(Rpc, ALateAnswerIsADeadlineAndTheServerSeesTheCallerLeave) {
  RpcServer::CallId asked = 0;
  RpcServer::CallId gone = 0;
  RpcStatus got;
  const auto end_when_both = [&] {
    if (gone != 0 && got.code != RpcStatus::ok) loop_->end();
  };
  called_ = [&](auto call, auto, auto) { asked = call; };
  left_ = [&](auto call) {
    gone = call;
    server_->answer(call, "too late");  // does nothing
    end_when_both();
  };
  client_->call("/a.B/C", "", 50ms, [&](RpcClient::Answer answer) {
    got = answer.status;
    end_when_both();
  });
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(got.code, RpcStatus::deadline_exceeded);
  EXPECT_EQ(gone, asked);
}

TEST_F(Rpc, AStreamGoesOnUntilItIsCancelled) {
  RpcServer::CallId stream = 0;
  called_ = [&](auto call, auto, auto) {
    stream = call;
    for (int i = 0; i < 10; ++i) server_->send(call, std::to_string(i));
  };
  std::vector<std::string> messages;
  RpcClient::CallId watch = 0;
  RpcStatus ended;
  bool has_left = false;
  const auto end_when_both = [&] {
    if (has_left && ended.code != RpcStatus::ok) loop_->end();
  };
  left_ = [&](auto call) {
    has_left = call == stream;
    end_when_both();
  };
  watch = client_->watch("/a.B/S", "x",
                         {.message =
                              [&](std::string bytes) {
                                messages.push_back(std::move(bytes));
                                if (messages.size() == 10) {
                                  client_->cancel(watch);
                                }
                              },
                          .ended =
                              [&](RpcStatus status) {
                                ended = std::move(status);
                                end_when_both();
                              }});
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(messages.front(), "0");
  EXPECT_EQ(messages.back(), "9");
  EXPECT_EQ(ended.code, RpcStatus::cancelled);
}

TEST_F(Rpc, NobodyThereIsUnavailableAtOnceAndAnotherOneIsFound) {
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::vector<int> codes;
  called_ = [this](auto call, auto, auto) { server_->answer(call, "well"); };
  client_->call("/a.B/C", "", kLong, [&](RpcClient::Answer answer) {
    codes.push_back(answer.status.code);
    serve();
    auto other = RpcClient::open(*loop_, path_);
    ASSERT_TRUE(other.has_value());
    client_ = std::move(*other);  // from within what the old one calls
    client_->call("/a.B/C", "", kLong, [&](RpcClient::Answer again) {
      codes.push_back(again.status.code);
      loop_->end();
    });
  });
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(codes, (std::vector<int>{RpcStatus::unavailable, RpcStatus::ok}));
}

TEST_F(Rpc, EndsWithCallsAndStreamsOpenOnBothSides) {
  int asked = 0;
  called_ = [&](auto call, auto method, auto) {
    if (method == "/a.B/S") server_->send(call, "first");
    if (++asked == 5) loop_->end();
  };
  for (int i = 0; i < 4; ++i) {
    client_->call("/a.B/C", "", kLong,
                  [](const RpcClient::Answer&) { FAIL() << "after the end"; });
  }
  client_->watch(
      "/a.B/S", "",
      {.message = [](const std::string&) {},
       .ended = [](const RpcStatus&) { FAIL() << "after the end"; }});
  ASSERT_TRUE(loop_->run().has_value());
  // TearDown must neither hang nor call anybody.
}

TEST_F(Rpc, AMessageThatIsTooLargeEndsTheStreamWithAReason) {
  called_ = [this](auto call, auto, auto) {
    server_->send(call, std::string(5 << 20, 'x'));
  };
  RpcStatus ended;
  client_->watch("/a.B/S", "",
                 {.message = [](const std::string&) { FAIL(); },
                  .ended =
                      [&](RpcStatus status) {
                        ended = std::move(status);
                        loop_->end();
                      }});
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(ended.code, RpcStatus::resource_exhausted) << ended.text;
}

TEST(RpcPath, ThatNoSocketCanHaveIsRefused) {
  auto loop = loop::Loop::create();
  ASSERT_TRUE(loop.has_value());
  const auto served = RpcServer::serve(*loop, "/" + std::string(120, 'x'), {});
  ASSERT_FALSE(served.has_value());
  EXPECT_EQ(served.error().kind, Error::Kind::malformed);
}

}  // namespace
}  // namespace gpuward::kubelet::rpc
