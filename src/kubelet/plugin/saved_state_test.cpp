#include "kubelet/plugin/saved_state.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "kubelet/plugin/node_for_tests.h"

namespace gpuward::kubelet::plugin {
namespace {

TEST(SavedState, ThereAndBack) {
  Node node = node_with_xid(48);
  node.see(answered(node.wall(), {mig_frame(0, node.wall(), {"3g.48gb"}),
                                  frame(1, node.wall())}));
  node.inventory.gpus[0].numa_node = 1;
  node.inventory.gpus[0].bus_path = "pci0000:00";
  node.inventory.gpus[0].links = {{4, true, "0000:05:00.0"}};
  node.inventory.gpus[1].missing = true;
  node.state.driver_loaded_at = kStart;
  node.state.resets["GPU-1"] = {kStart, true, 3};
  const std::string text = to_text(node.inventory, node.state);
  const auto back = saved_state_from(text);
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(back->inventory, node.inventory);
  EXPECT_EQ(back->health.xids, node.state.xids);
  EXPECT_EQ(back->health.resets.at("GPU-1"), node.state.resets.at("GPU-1"));
  EXPECT_EQ(back->health.driver_loaded_at, kStart);
  EXPECT_EQ(back->health.boot_id, "boot-1");
  ASSERT_EQ(back->health.units.size(), 1u);
  EXPECT_FALSE(is_healthy(back->health, "GPU-1"));
  EXPECT_EQ(reason_of(back->health, "GPU-1"), "Xid 48");
  EXPECT_EQ(to_text(back->inventory, back->health), text);
}

TEST(SavedState, WhatIsNoneIsRefused) {
  const Node node = healthy_node();
  const std::string text = to_text(node.inventory, node.state);
  for (size_t size = 0; size + 1 < text.size(); size += 3) {
    EXPECT_FALSE(saved_state_from(text.substr(0, size)).has_value());
  }
  const auto with = [&](const char* key, Json value) {
    Json json = *Json::parse(text);
    json.set(key, std::move(value));
    return saved_state_from(json.dump()).has_value();
  };
  EXPECT_TRUE(with("later", 5));
  EXPECT_FALSE(with("schema", 2));
  EXPECT_FALSE(with("gpuward", "bundle"));
  EXPECT_FALSE(with("gpus", 5));
  EXPECT_FALSE(with("gpus", *Json::parse(R"([{"uuid":""}])")));
  EXPECT_FALSE(with("gpus", *Json::parse(R"([{"uuid":"x","index":"y"}])")));
  EXPECT_FALSE(with("gpus", *Json::parse(R"([{"uuid":"x","mig":[5]}])")));
  EXPECT_FALSE(with("health", *Json::parse(R"({"xids":[{}]})")));
}

TEST(SavedState, AnIdThatStandsTwiceIsListedOnce) {
  const auto got = saved_state_from(
      R"({"gpuward":"device plugin's state","schema":1,)"
      R"("gpus":[{"uuid":"a"},{"uuid":"a"},{"uuid":"b"}],"health":{}})");
  ASSERT_TRUE(got.has_value()) << got.error().text;
  EXPECT_EQ(got->inventory.gpus.size(), 2u);
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
