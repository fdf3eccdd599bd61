// A node for the tests of health: an agent, and the plugin that reads what it
// writes. Time passes by hand.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "kubelet/plugin/health.h"
#include "kubelet/plugin/snapshots_for_tests.h"

namespace gpuward::kubelet::plugin {

inline constexpr Boot kBoot = Boot(1h);

class Node {
 public:
  explicit Node(int gpus = 2) : gpus_(gpus) {}

  Wall wall() const { return kStart + passed_; }
  Boot boot() const { return kBoot + passed_; }
  void wait(Millis time) { passed_ += time; }

  // The plugin sees this one, or none.
  void see(std::optional<Snapshot> snapshot) {
    last_ = std::move(snapshot);
    look();
  }
  void look() {
    if (last_) inventory = update(inventory, *last_, {}).inventory;
    state = fold(state, {inventory, last_ ? &*last_ : nullptr, boot(), wall(),
                         settings});
  }
  // A round that has just come back whole, and what the log has told.
  Snapshot round() const {
    Snapshot out = answered(wall(), gpus_);
    out.xids = xids;
    return out;
  }
  void see_round() { see(round()); }
  // Rounds come back for so long, one every 5 s.
  void answer_for(Millis time) {
    for (Millis at = 0ms; at < time; at += 5s) {
      wait(5s);
      see_round();
    }
  }
  // Time passes; the agent says the same anew every 5 s.
  void stay_for(Millis time) {
    for (Millis at = 0ms; at < time; at += 5s) {
      wait(5s);
      if (last_) last_->taken_at = wall();
      look();
    }
  }
  // "10": the first is healthy, the second is not.
  std::string health() const {
    std::string out;
    for (const KnownGpu& gpu : inventory.gpus) {
      out += is_healthy(state, gpu.uuid) ? '1' : '0';
    }
    return out;
  }
  std::string reason(int gpu) const {
    return reason_of(state, fmt::format("GPU-{}", gpu));
  }
  void xid(int gpu, int code, std::string text = "") {
    xids.push_back({pci_of(gpu), code, wall(), std::nullopt, std::nullopt,
                    std::move(text)});
  }

  Settings settings;
  Inventory inventory;
  HealthState state;
  std::vector<XidEvent> xids;

 private:
  int gpus_;
  Millis passed_{0};
  std::optional<Snapshot> last_;
};

inline Node healthy_node(int gpus = 2) {
  Node node(gpus);
  node.see_round();
  return node;
}

// Its second GPU has had that Xid, and answers well since.
inline Node node_with_xid(int code) {
  Node node = healthy_node();
  node.wait(1s);
  node.xid(1, code);
  node.answer_for(15s);
  EXPECT_EQ(node.health(), "10");
  return node;
}

}  // namespace gpuward::kubelet::plugin
