// For tests: a folder of its own, and nodes in it that end with the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

#include "sim/engine/node.h"

namespace gpuward::simulator {

// Waits for a condition, never for a time.
inline bool comes_true(const std::function<bool()>& condition,
                       Millis deadline = 20s) {
  const Boot end = BootClock::now() + deadline;
  while (!condition()) {
    if (BootClock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

class NodeTest : public testing::Test {
 protected:
  NodeTest() {
    std::string name = testing::TempDir() + "gpuward-engine-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) base_ = name;
    // Where no client runs, any file will do as the library.
    library_ = base_ + "/library";
    std::ofstream(library_) << "library";
    node_ = base_ + "/node";
  }
  ~NodeTest() override {
    (void)end_node(node_);
    std::filesystem::remove_all(base_);
  }

  void make(const std::string& scenario_name) {
    const auto scenario = load_scenario(scenario_name);
    ASSERT_TRUE(scenario) << scenario.error().text;
    const auto node =
        create_node(*scenario, {.directory = node_, .library = library_});
    ASSERT_TRUE(node) << node.error().text;
  }

  std::string seen(const std::string& path) const {
    std::ifstream file(node_ + "/root" + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  static Injection injection(const std::vector<std::string>& words) {
    const auto all = parse_injections(words);
    EXPECT_TRUE(all) << all.error().text;
    return all ? all->front() : Injection{};
  }

  std::string base_, library_, node_;
};

}  // namespace gpuward::simulator
