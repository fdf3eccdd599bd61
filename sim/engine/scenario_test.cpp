#include "sim/engine/scenario.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "sim/engine/embedded_scenarios.h"
#include "sim/engine/models.h"

namespace gpuward::simulator {
namespace {

// Line 1 and 2; a test adds line 3 and more.
constexpr std::string_view kHead = "description: d\ndriver: 570.158.01\n";

std::string complaint(std::string_view rest) {
  const auto scenario =
      parse_scenario(std::string(kHead) + std::string(rest), "s.yaml");
  return scenario ? "no complaint" : scenario.error().text;
}

struct Mistake {
  std::string_view yaml;
  std::string_view said;
};

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreNamedWithLineAndSuggestion) {
  const std::string text = complaint(GetParam().yaml);
  EXPECT_NE(text.find(GetParam().said), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    All, Mistakes,
    testing::Values(
        Mistake{
            "kernal: 6.6.0\n",
            "s.yaml:3: a scenario has no key 'kernal'; did you mean 'kernel'?"},
        Mistake{"uptime: 5\n", "s.yaml:3: uptime: invalid duration '5'"},
        Mistake{"gpus:\n  - model: H10\n",
                "s.yaml:4: there is no GPU model 'H10'; did you mean 'H20'?"},
        Mistake{"gpus:\n  - model: H20\n    temprature: 30\n",
                "s.yaml:5: a GPU has no key 'temprature'; did you mean "
                "'temperature'?"},
        Mistake{"gpus:\n  - model: H20\n    memory_used: 87\n",
                "s.yaml:5: memory_used: '87' is no size"},
        Mistake{"gpus:\n  - model: H20\n    temperature: hot\n",
                "s.yaml:5: 'temperature' must be a whole number"},
        Mistake{"gpus:\n  - model: H20\n    power: 74\n",
                "s.yaml:5: 'power' must be a power with its unit"},
        Mistake{"gpus:\n  - model: H20\n    mig: [3g.40gb]\n",
                "s.yaml:5: this model has no MIG profile '3g.40gb'; it has: "
                "1g.12gb"},
        Mistake{"gpus:\n  - model: H20\n    mig: [7g.96gb, 1g.12gb]\n",
                "no room is left for another 1g.12gb"},
        Mistake{"gpus:\n  - model: H20\n    count: 2\n    uuid: [GPU-1]\n",
                "s.yaml:6: 'uuid' has 1 values for 2 GPUs"},
        Mistake{"gpus:\n  - model: H20\n    pci: \"0F:00\"\n",
                "'0F:00' is no PCI address"},
        Mistake{"timeline:\n  - fault: nvmlInit*\n    hang: forever\n",
                "s.yaml:5: there is no hang 'forever'"},
        Mistake{"timeline:\n  - fault: nvmlInit*\n    afer: 3s\n    hang: d\n",
                "s.yaml:5: an entry of the timeline has no key 'afer'; did you "
                "mean 'after'?"},
        Mistake{"timeline:\n  - fault: nvmlInit*\n",
                "s.yaml:4: 'nvmlInit*' needs what happens"},
        Mistake{"timeline:\n  - lose_gpu: 3\n", "index of one of the 0 GPUs"},
        Mistake{"kernel_log:\n  - text: x\n",
                "needs 'at' (since boot) or 'ago'"},
        Mistake{"module: closed\n",
                "'module' must be open, proprietary or none"},
        Mistake{"library: newest\n", "must be a driver version"},
        Mistake{"files:\n  etc/x: y\n", "'etc/x' must be an absolute path"},
        Mistake{"tasks:\n  - pid: 7\n    comm: x\n    state: Q\n",
                "s.yaml:6: 'state' must be"}));

TEST(Scenario, ReportsAllMistakesAtOnce) {
  const std::string text = complaint("uptime: 5\nmodule: closed\nfoo: 1\n");
  EXPECT_EQ(split(text, '\n').size(), 3u) << text;
}

class Shipped : public testing::TestWithParam<EmbeddedFile> {};

TEST_P(Shipped, Loads) {
  const auto scenario = parse_scenario(GetParam().text, GetParam().name);
  ASSERT_TRUE(scenario) << scenario.error().text;
  EXPECT_FALSE(scenario->description.empty());
  EXPECT_FALSE(scenario->gpus.empty());
}

INSTANTIATE_TEST_SUITE_P(All, Shipped,
                         testing::ValuesIn(embedded_scenarios().begin(),
                                           embedded_scenarios().end()));

TEST(Scenario, NamesAreAnInterface) {
  std::vector<std::string> names;
  for (const ScenarioName& name : scenario_names()) names.push_back(name.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "healthy-8xh100", "healthy-8xh20-mig", "h20-mig-init-hang",
                "h20-mig-plugin-hang", "b200-uptime-hang", "b200-uptime-risk",
                "h100-gpu-lost", "h100-gsp-timeout", "h100-memory-error",
                "h100-nvswitch-fault", "a100-driver-mismatch",
                "a100-secure-boot", "a100-mig-pending", "gtx1080ti-persistence",
                "h100-plugin-stale-health", "h100-pod-storm",
                "h100-mps-missing", "h20-mig-reconfig-stuck"}));
  const auto missing = load_scenario("healthy-8xh10");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text.find("did you mean 'healthy-8xh100'"),
            std::string::npos);
}

TEST(Scenario, SplitsLikeTheDriver) {
  const auto scenario = load_scenario("healthy-8xh20-mig");
  ASSERT_TRUE(scenario);
  const sim_gpu& gpu = scenario->gpus[0];
  ASSERT_EQ(gpu.mig_count, 4u);
  EXPECT_EQ(gpu.mig_mode, 1);
  EXPECT_STREQ(gpu.mig[0].profile, "3g.48gb");
  EXPECT_EQ(gpu.mig[0].gpu_instance, 1u);
  EXPECT_EQ(gpu.mig[0].placement_start, 4u);
  EXPECT_STREQ(gpu.mig[3].uuid, "MIG-4e18003f-f745-5d17-b03f-203b7cbb671b");
  EXPECT_EQ(gpu.memory_total, uint64_t{97871} << 20);
  EXPECT_EQ(scenario->gpus[7].mig_mode, 0);
  EXPECT_STREQ(scenario->gpus[7].pci, "00000000:D7:00.0");
}

TEST(Scenario, CutsCallersLikeTheKernelCutsNames) {
  const auto scenario = load_scenario("h20-mig-plugin-hang");
  ASSERT_TRUE(scenario);
  ASSERT_EQ(scenario->faults.size(), 1u);
  EXPECT_STREQ(scenario->faults[0].caller, "nvidia-device-p");
  EXPECT_EQ(scenario->faults[0].from_call, 4u);
}

}  // namespace
}  // namespace gpuward::simulator
