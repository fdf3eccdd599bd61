#include "kubelet/guard/settings.h"

#include <gtest/gtest.h>

namespace gpuward::kubelet::guard {
namespace {

GuardSettings sound() {
  return {.kubelet_dir = "/k", .plugin_dir = "/p", .state_dir = "/s"};
}

TEST(GuardSettings, ADeadlineIsOfAllOrOfOneResource) {
  PerResource deadline{.usual = 2s};
  EXPECT_TRUE(set_deadline(deadline, "3s"));
  EXPECT_TRUE(set_deadline(deadline, "a.b/c=7ms"));
  EXPECT_EQ(deadline.for_resource("a.b/c"), 7ms);
  EXPECT_EQ(deadline.for_resource("a.b/d"), 3s);
  EXPECT_FALSE(set_deadline(deadline, "soon"));
  EXPECT_FALSE(set_deadline(deadline, "gpu=7s"));
  EXPECT_FALSE(set_deadline(deadline, "a.b/c="));
}

TEST(GuardSettings, WhatMakesNoSenseIsRefused) {
  EXPECT_TRUE(check(sound()));
  GuardSettings settings = sound();
  settings.plugin_dir = settings.kubelet_dir;
  EXPECT_FALSE(check(settings));
  settings = sound();
  settings.prestart_deadline.of["a.b/c"] = 30s;  // the kubelet gives up first
  EXPECT_FALSE(check(settings));
  settings = sound();
  settings.allocate_deadline.usual = 0s;
  EXPECT_FALSE(check(settings));
  settings = sound();
  settings.allocate_failures = 0;
  EXPECT_FALSE(check(settings));
  settings = sound();
  settings.liveness_interval = 10ms;
  EXPECT_FALSE(check(settings));
}

}  // namespace
}  // namespace gpuward::kubelet::guard
