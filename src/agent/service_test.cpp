#include "agent/service.h"

#include <gtest/gtest.h>

namespace gpuward::agent {
namespace {

TEST(Service, PausesGrowAndAreBounded) {
  EXPECT_EQ(Service::pause_after(0, 15s), 15s);
  EXPECT_EQ(Service::pause_after(1, 15s), 30s);
  EXPECT_EQ(Service::pause_after(2, 15s), 60s);
  EXPECT_EQ(Service::pause_after(50, 15s), 10min);
  EXPECT_EQ(Service::pause_after(3, 30min), 30min);
}

}  // namespace
}  // namespace gpuward::agent
