// Every example of the catalogue, as its entries give them.
#include <gtest/gtest.h>

#include "diagnosis/examples.h"

namespace gpuward {
namespace {

TEST(Catalogue, EveryExampleIsRight) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  const auto results = run_examples(*catalogue);
  EXPECT_GE(results.size(), 2 * catalogue->faults.size());
  for (const ExampleResult& result : results) {
    EXPECT_TRUE(result.right)
        << result.fault << " / " << result.example << ": got " << result.got;
  }
}

TEST(Catalogue, HasTheFaultsOfItsFirstForm) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  for (const char* id :
       {"nvml-init-hang-r570", "uptime-hang-blackwell", "uptime-hang-risk",
        "nvml-hang-kernel", "nvml-hang-user", "nvml-slow-contention",
        "gsp-rpc-timeout", "gpu-task-hung", "driver-library-mismatch",
        "driver-not-loaded", "gpu-bound-elsewhere", "gpu-init-failed",
        "gpu-missing", "nvml-library-missing", "persistence-mode-off",
        "gpu-fallen-off-bus", "container-gpu-access-revoked",
        "kubelet-blocked-by-device-plugin"}) {
    EXPECT_NE(catalogue->find(id), nullptr) << id;
  }
}

}  // namespace
}  // namespace gpuward
