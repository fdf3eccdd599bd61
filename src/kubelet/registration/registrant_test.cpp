#include "kubelet/registration/registrant.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "kubelet/wire/messages.h"
#include "support/temp_tree.h"

namespace gpuward::kubelet::registration {
namespace {

constexpr Millis kLong = 30s;
const std::string kDevices =
    wire::encode(std::vector<wire::Device>{{"GPU-1", true, {}}});
const std::string kSick =
    wire::encode(std::vector<wire::Device>{{"GPU-1", false, {}}});

// As little of a kubelet as a registration needs: it calls back from within
// Register, as kubelets do, and then listens.
class Kubelet {
 public:
  Kubelet(loop::Loop& loop, std::string directory)
      : loop_(loop), directory_(std::move(directory)) {
    auto server = rpc::RpcServer::serve(
        loop_, directory_ + "/kubelet.sock",
        {.called = [this](auto call, auto,
                          const auto& request) { registered(call, request); },
         .left = [](auto) {}});
    EXPECT_TRUE(server.has_value());
    server_ = std::move(*server);
  }

  std::vector<wire::Registration> registrations;
  std::vector<std::string> options;
  std::vector<std::string> devices;
  std::function<void()> changed = [] {};
  bool refuses = false;
  bool forgets = false;  // deletes the socket, and never answers
  rpc::RpcClient::CallId stream = 0;
  std::unique_ptr<rpc::RpcClient> plugin;

 private:
  void registered(rpc::RpcServer::CallId call, const std::string& request) {
    const auto registration = wire::decode_registration(request);
    ASSERT_TRUE(registration.has_value());
    registrations.push_back(*registration);
    if (refuses) {
      server_->refuse(call,
                      {.code = rpc::RpcStatus::unavailable, .text = "no"});
      return changed();
    }
    if (std::exchange(forgets, false)) {
      std::filesystem::remove(directory_ + "/" + registration->endpoint);
      return;
    }
    auto client =
        rpc::RpcClient::open(loop_, directory_ + "/" + registration->endpoint);
    ASSERT_TRUE(client.has_value());
    plugin = std::move(*client);
    plugin->call(wire::method::kOptions, "", 5s,
                 [this, call](const rpc::RpcClient::Answer& answer) {
                   EXPECT_EQ(answer.status.code, rpc::RpcStatus::ok);
                   options.push_back(answer.bytes);
                   server_->answer(call, "");
                   listen();
                 });
  }
  void listen() {
    stream = plugin->watch(wire::method::kListAndWatch, "",
                           {.message =
                                [this](std::string bytes) {
                                  devices.push_back(std::move(bytes));
                                  changed();
                                },
                            .ended = [this](auto) { changed(); }});
  }

  loop::Loop& loop_;
  std::string directory_;
  std::unique_ptr<rpc::RpcServer> server_;
};

class Registered : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = loop::Loop::create();
    ASSERT_TRUE(loop.has_value());
    loop_ = std::make_unique<loop::Loop>(std::move(*loop));
    ASSERT_TRUE(loop_->at(1, BootClock::now() + kLong, [this] {
      ADD_FAILURE() << "nothing came in time";
      loop_->end();
    }));
    registrant_ = std::make_unique<Registrant>(
        *loop_, log_,
        Registrant::Settings{.kubelet_socket = tree_.path() + "/kubelet.sock",
                             .role = "test",
                             .resource = "a.b/c"},
        Registrant::Events{
            .called =
                [this](auto call, auto method, const auto& request) {
                  registrant_->answer(call, std::string(method) + request);
                },
            .left = [](auto) {}});
    auto watch = SocketWatch::start(*loop_, tree_.path(),
                                    [this] { registrant_->look(); });
    ASSERT_TRUE(watch.has_value());
    watch_ = std::move(*watch);
    registrant_->offer(wire::encode(registration_),
                       wire::encode(registration_.options));
    registrant_->publish(kDevices);
  }
  void start_kubelet() {
    kubelet_.reset();  // at its end gRPC removes the path, whoever's it is
    kubelet_ = std::make_unique<Kubelet>(*loop_, tree_.path());
    kubelet_->changed = [this] { changed_(); };
  }
  // Until `condition` holds, looked at whenever the kubelet hears something.
  void run_until(const std::function<bool()>& condition) {
    changed_ = [this, condition] {
      if (condition()) loop_->end();
    };
    ASSERT_TRUE(loop_->run().has_value());
  }
  // Until the new one listens; `at_once` is done in the moment of its start.
  void restart_while_away(const std::function<void()>& at_once) {
    start_kubelet();
    bool was_restarted = false;
    run_until([&] {
      if (kubelet_->devices.empty()) return false;
      if (std::exchange(was_restarted, true)) return true;
      registrant_->set_away(true);
      // File systems tell times apart by 4 ms: no kubelet is as quick as that.
      (void)loop_->at(2, BootClock::now() + 50ms, [&] {
        start_kubelet();
        at_once();
      });
      return false;
    });
  }

  TempTree tree_;
  record::CallLog log_{"test"};
  wire::Registration registration_{.resource = "a.b/c",
                                   .options = {.preferred_allocation = true}};
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<Registrant> registrant_;
  std::unique_ptr<SocketWatch> watch_;
  std::unique_ptr<Kubelet> kubelet_;
  std::function<void()> changed_ = [] {};
};

TEST_F(Registered, P1_P2_P3_AnswersWithinRegisterAndListsAtOnce) {
  start_kubelet();
  run_until([this] { return !kubelet_->devices.empty(); });
  ASSERT_EQ(kubelet_->registrations.size(), 1U);
  const wire::Registration& seen = kubelet_->registrations.front();
  EXPECT_EQ(seen.version, "v1beta1");
  EXPECT_EQ(seen.resource, "a.b/c");
  EXPECT_EQ(seen.endpoint.find('/'), std::string::npos);
  EXPECT_EQ(wire::encode(seen.options), kubelet_->options.front());
  EXPECT_EQ(kubelet_->devices.front(), kDevices);
}

TEST_F(Registered, P4_SendsOnlyWhatChanged) {
  start_kubelet();
  run_until([this] {
    if (kubelet_->devices.size() == 1) {
      registrant_->publish(kDevices);  // the same
      registrant_->publish(kSick);
    }
    return kubelet_->devices.size() == 2;
  });
  EXPECT_EQ(kubelet_->devices.back(), kSick);
}

TEST_F(Registered, P5_AKubeletThatStartsAnewIsToldAgainOverANewSocket) {
  start_kubelet();
  std::vector<std::string> endpoints;
  run_until([&] {
    if (kubelet_->devices.empty()) return false;
    endpoints.push_back(kubelet_->registrations.front().endpoint);
    if (endpoints.size() == 2) return true;
    // As it starts, it deletes all sockets; twice in a row.
    for (int i = 0; i < 2; ++i) {
      for (const auto& entry :
           std::filesystem::directory_iterator(tree_.path())) {
        std::filesystem::remove(entry);
      }
      (void)loop_->at(2, BootClock::now(), [this] { start_kubelet(); });
    }
    return false;
  });
  ASSERT_EQ(endpoints.size(), 2U);
  EXPECT_NE(endpoints[0], endpoints[1]);
}

TEST_F(Registered, P5_AStreamThatTheKubeletEndsIsFollowedByANewRegistration) {
  start_kubelet();
  run_until([this] {
    if (kubelet_->devices.size() == 1) {
      kubelet_->plugin->cancel(kubelet_->stream);
    }
    return kubelet_->devices.size() == 2;
  });
  EXPECT_EQ(kubelet_->registrations.size(), 2U);
}

TEST_F(Registered, WhoIsAwayGivesWayToAnotherPluginOfTheSameKubelet) {
  start_kubelet();
  std::function<void()> poll = [this, &poll] {
    if (registrant_->is_displaced()) {
      EXPECT_EQ(kubelet_->registrations.size(), 1U);
      registrant_->set_away(false);
    }
    (void)loop_->at(2, BootClock::now() + 20ms, poll);
  };
  poll();
  run_until([this] {
    if (kubelet_->devices.size() == 1) {
      registrant_->set_away(true);
      kubelet_->plugin->cancel(kubelet_->stream);  // as for another's sake
    }
    return kubelet_->devices.size() == 2;
  });
  EXPECT_EQ(kubelet_->registrations.size(), 2U);
  EXPECT_FALSE(registrant_->is_displaced());
}

TEST_F(Registered, WhoIsAwayIsStillKnownToAKubeletThatStartsAnew) {
  restart_while_away([] {});
  EXPECT_FALSE(registrant_->is_displaced());
}

TEST_F(Registered, ANewKubeletIsNotTakenForTheOneWhoseStreamEndsLate) {
  // Looks before the loop is told that the stream ended.
  restart_while_away([this] { registrant_->look(); });
  EXPECT_EQ(kubelet_->registrations.size(), 1U);
  EXPECT_FALSE(registrant_->is_displaced());
}

TEST_F(Registered, P6_ARefusedRegistrationIsTriedAgain) {
  start_kubelet();
  kubelet_->refuses = true;
  run_until([this] {
    if (kubelet_->registrations.size() == 3) kubelet_->refuses = false;
    return !kubelet_->devices.empty();
  });
  EXPECT_EQ(kubelet_->registrations.size(), 4U);
}

TEST_F(Registered, P6_ASocketThatGoesDuringTheRegistrationIsMadeAnewAtOnce) {
  start_kubelet();
  kubelet_->forgets = true;
  const Boot began = BootClock::now();
  run_until([this] { return !kubelet_->devices.empty(); });
  EXPECT_EQ(kubelet_->registrations.size(), 2U);
  constexpr Millis kBeforeTheDeadline = 8s;
  EXPECT_LT(BootClock::now() - began, kBeforeTheDeadline);
}

TEST_F(Registered, WhatIsWithdrawnSaysSoAndNeverComesBack) {
  start_kubelet();
  run_until([this] {
    if (kubelet_->devices.size() == 1) registrant_->withdraw();
    if (kubelet_->devices.size() == 2) {
      kubelet_->plugin->cancel(kubelet_->stream);
      // Longer than the pause after which one would register again.
      (void)loop_->at(2, BootClock::now() + 600ms, [this] { loop_->end(); });
    }
    return false;
  });
  EXPECT_EQ(kubelet_->devices.back(), "");
  EXPECT_EQ(kubelet_->registrations.size(), 1U);
}

TEST_F(Registered, OtherOptionsAreRegisteredAnew) {
  start_kubelet();
  run_until([this] {
    if (kubelet_->devices.size() == 1) {
      wire::Registration other = registration_;
      other.options.pre_start_required = true;
      registrant_->offer(wire::encode(other), wire::encode(other.options));
      registrant_->offer(wire::encode(other),
                         wire::encode(other.options));  // the same
    }
    return kubelet_->devices.size() == 2;
  });
  ASSERT_EQ(kubelet_->registrations.size(), 2U);
  EXPECT_TRUE(kubelet_->registrations.back().options.pre_start_required);
}

TEST_F(Registered, OtherCallsGoToTheOwner) {
  start_kubelet();
  std::string got;
  run_until([&] {
    if (kubelet_->devices.size() == 1 && got.empty()) {
      kubelet_->plugin->call(wire::method::kAllocate, "x", 5s,
                             [&](const rpc::RpcClient::Answer& answer) {
                               got = answer.bytes;
                               loop_->end();
                             });
    }
    return false;
  });
  EXPECT_EQ(got, std::string(wire::method::kAllocate) + "x");
}

}  // namespace
}  // namespace gpuward::kubelet::registration
