#include "kubelet/guard/plugin_link.h"

#include <gtest/gtest.h>

#include "kubelet/rpc/server.h"
#include "kubelet/wire/messages.h"
#include "support/temp_tree.h"

namespace gpuward::kubelet::guard {
namespace {

class Link : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = loop::Loop::create();
    ASSERT_TRUE(loop.has_value());
    loop_ = std::make_unique<loop::Loop>(std::move(*loop));
    ASSERT_TRUE(loop_->at(1, BootClock::now() + 30s, [this] {
      ADD_FAILURE() << "nothing came in time";
      loop_->end();
    }));
  }
  void open(Millis deadline) {
    auto link = PluginLink::open(*loop_, path_,
                                 {.options = deadline, .liveness_interval = 5s},
                                 {.connected =
                                      [this](const std::string&) {
                                        ++connected_;
                                        loop_->end();
                                      },
                                  .refused =
                                      [this](const rpc::RpcStatus&) {
                                        ++refused_;
                                        loop_->end();
                                      },
                                  .listed = [](const std::string&) {},
                                  .ended = [](const rpc::RpcStatus&) {},
                                  .silence = [](bool) {}});
    ASSERT_TRUE(link.has_value());
    link_ = std::move(*link);
  }
  void serve() {
    auto server = rpc::RpcServer::serve(
        *loop_, path_,
        {.called =
             [this](auto call, std::string_view method, const auto&) {
               if (method == wire::method::kOptions) server_->answer(call, "");
             },
         .left = [](auto) {}});
    ASSERT_TRUE(server.has_value());
    server_ = std::move(*server);
  }

  TempTree tree_;
  std::string path_ = tree_.path() + "/plugin.sock";
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<rpc::RpcServer> server_;
  std::unique_ptr<PluginLink> link_;
  int connected_ = 0;
  int refused_ = 0;
};

TEST_F(Link, APluginMayListenAMomentAfterItRegistered) {
  open(20s);
  ASSERT_TRUE(loop_->at(2, BootClock::now() + 400ms, [this] { serve(); }));
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(connected_, 1);
  EXPECT_EQ(refused_, 0);
}

TEST_F(Link, OneThatNeverListensIsRefusedAfterTheDeadline) {
  const Boot began = BootClock::now();
  open(400ms);
  ASSERT_TRUE(loop_->run().has_value());
  EXPECT_EQ(refused_, 1);
  EXPECT_GE(BootClock::now() - began, 400ms);
}

}  // namespace
}  // namespace gpuward::kubelet::guard
