#include "kubelet/registration/own_sockets.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "kubelet/rpc/server.h"
#include "support/temp_tree.h"

namespace gpuward::kubelet::registration {
namespace {

TEST(OwnSockets, NamesFitAndTellResourcesApart) {
  EXPECT_EQ(socket_stem("guard", "nvidia.com/gpu"),
            "gpuward-guard-nvidia.com-gpu");
  const std::string left = std::string(80, 'a') + ".com/accelerator-of-a-kind";
  const std::string right = std::string(81, 'a') + ".com/accelerator-of-a-kind";
  const std::string stem = socket_stem("guard", left);
  EXPECT_NE(stem, socket_stem("guard", right));
  constexpr size_t kLongestPath = 107;
  const std::string directory = "/var/lib/kubelet/device-plugins/";
  EXPECT_LE((directory + new_socket_name(stem)).size(), kLongestPath);
  EXPECT_NE(new_socket_name(stem), new_socket_name(stem));
}

TEST(OwnSockets, OnlyOursThatAreDeadAreRemoved) {
  TempTree tree;
  auto loop = loop::Loop::create();
  ASSERT_TRUE(loop.has_value());
  const auto path = [&](const std::string& name) {
    return tree.path() + "/" + name;
  };
  const auto alive = rpc::RpcServer::serve(*loop, path("us-alive.sock"), {});
  ASSERT_TRUE(alive.has_value());
  {
    const auto dead = rpc::RpcServer::serve(*loop, path("here"), {});
    ASSERT_TRUE(dead.has_value());
    std::filesystem::create_hard_link(path("here"), path("us-dead.sock"));
    std::filesystem::create_hard_link(path("here"), path("usher.sock"));
  }
  tree.file("/us-file.sock", "no socket");
  remove_dead_sockets(tree.path(), "us");
  EXPECT_TRUE(std::filesystem::exists(path("us-alive.sock")));
  EXPECT_FALSE(std::filesystem::exists(path("us-dead.sock")));
  EXPECT_TRUE(std::filesystem::exists(path("usher.sock")));
  EXPECT_TRUE(std::filesystem::exists(path("us-file.sock")));
}

}  // namespace
}  // namespace gpuward::kubelet::registration
