#include "probe/mig_caps.h"

#include <gtest/gtest.h>

#include "model/fields.h"

namespace gpuward::probe {
namespace {

constexpr std::string_view kList =
    "config 1\nmonitor 2\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\n"
    "gpu0/gi11/access 102\ngpu10/gi1/access 1362\ngpu10/gi1/ci0/access 1363\n"
    "gpu1/gi2/access odd\n";

Gpu gpu_with(int64_t minor_number, int gi, int ci) {
  Gpu gpu;
  gpu.readings[std::string(field::kMinor)] = reading_of(minor_number, Wall{});
  gpu.mig.items = {{0, "MIG-1", "3g.48gb", gi, ci, 0}};
  return gpu;
}

TEST(MigCaps, AreThoseOfThisGpuAndInstance) {
  Gpu gpu = gpu_with(0, 1, 0);
  add_caps(gpu, kList);
  EXPECT_EQ(gpu.mig.items[0].gpu_cap, 12);
  EXPECT_EQ(gpu.mig.items[0].compute_cap, 13);
  gpu = gpu_with(10, 1, 0);
  add_caps(gpu, kList);
  EXPECT_EQ(gpu.mig.items[0].gpu_cap, 1362);
  EXPECT_EQ(gpu.mig.items[0].compute_cap, 1363);
}

TEST(MigCaps, WhatTheListHasNotStaysUnknown) {
  Gpu gpu = gpu_with(1, 2, 0);
  add_caps(gpu, kList);
  EXPECT_EQ(gpu.mig.items[0].gpu_cap, std::nullopt);
  EXPECT_EQ(gpu.mig.items[0].compute_cap, std::nullopt);
  gpu = gpu_with(0, 1, 0);
  gpu.readings.clear();
  add_caps(gpu, kList);
  EXPECT_EQ(gpu.mig.items[0].gpu_cap, std::nullopt);
  add_caps(gpu, "");
  EXPECT_EQ(gpu.mig.items[0].gpu_cap, std::nullopt);
}

}  // namespace
}  // namespace gpuward::probe
