// Every example of the catalogue, as its entries give them.
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/examples.h"
#include "diagnosis/reach.h"

namespace gpuward::diagnosis {
namespace {

TEST(Catalogue, EveryExampleIsRight) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  const auto results = run_examples(*catalogue);
  EXPECT_GE(results.size(), 2 * catalogue->faults.size());
  for (const ExampleResult& result : results) {
    EXPECT_TRUE(result.right)
        << result.fault << " / " << result.example << ": got " << result.got;
    for (const std::string& alarm : result.false_alarms) {
      ADD_FAILURE() << result.fault << " / " << result.example << ": also "
                    << alarm;
    }
  }
}

TEST(Catalogue, EveryFaultHasTwoOfEachKindAndALookAlike) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  const auto results = run_examples(*catalogue);
  for (const Fault& fault : catalogue->faults) {
    const auto count = [&](auto wanted) {
      return std::ranges::count_if(results, [&](const ExampleResult& one) {
        return one.fault == fault.id && wanted(one);
      });
    };
    using Kind = ExampleResult::Kind;
    EXPECT_GE(count([](const auto& one) { return one.kind == Kind::positive; }),
              2)
        << fault.id;
    EXPECT_GE(count([](const auto& one) { return one.kind == Kind::negative; }),
              2)
        << fault.id;
    EXPECT_GE(count([](const auto& one) { return one.look_alike; }), 1)
        << fault.id;
  }
}

// An example that finds what it does not name is a false alarm.
TEST(Catalogue, WhatAnExampleDoesNotNameIsAFalseAlarm) {
  const std::string entry = R"(id: mine
title: t
means: m
signatures: {mine-line: 'something broke'}
rules: [{confidence: likely, when: {seen: mine-line}}]
remedies: [{id: wait, text: wait}]
sources: [s]
examples:
  - {name: yes, text: something broke, gives: likely}
  - name: no
    text: 'NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.'
    gives: nothing
)";
  const auto alarms = [](const std::string& text) {
    const auto catalogue = load_catalogue({{"mine.yaml", text}});
    EXPECT_TRUE(catalogue) << catalogue.error().text;
    std::vector<std::string> all;
    if (!catalogue) return all;
    for (const ExampleResult& one : run_examples(*catalogue)) {
      if (one.fault == "mine") {
        all.insert(all.end(), one.false_alarms.begin(), one.false_alarms.end());
      }
    }
    return all;
  };
  EXPECT_EQ(alarms(entry), std::vector<std::string>{"gpu-fallen-off-bus"});
  EXPECT_TRUE(alarms(entry + "    first: gpu-fallen-off-bus\n").empty());
  EXPECT_TRUE(alarms(entry + "    also: [gpu-fallen-off-bus]\n").empty());
}

// Where each can be found, by what its rules ask for.
TEST(Catalogue, ReachFollowsFromTheRules) {
  const auto catalogue = load_catalogue();
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  constexpr std::string_view kInText[] = {"driver", "mig", "gpu"};
  const auto reach = [&](std::string_view id) {
    const Fault* fault = catalogue->find(id);
    return fault == nullptr
               ? std::string("no such fault")
               : std::string(in_words(reach_of(*catalogue, *fault, kInText)));
  };
  EXPECT_EQ(reach("gpu-fallen-off-bus"), "live, logs");
  EXPECT_EQ(reach("nvml-init-hang-r570"), "live, logs");
  EXPECT_EQ(reach("container-gpu-access-at-risk"), "live");
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

// Cutting them off the text must take nothing else with it.
TEST(Catalogue, WithoutExamplesItIsTheSame) {
  const auto whole = load_catalogue();
  const auto bare = extend_catalogue({}, Examples::left_out);
  ASSERT_TRUE(whole) << whole.error().text;
  ASSERT_TRUE(bare) << bare.error().text;
  ASSERT_EQ(bare->catalogue.faults.size(), whole->faults.size());
  EXPECT_EQ(bare->catalogue.signatures.size(), whole->signatures.size());
  for (size_t i = 0; i < whole->faults.size(); ++i) {
    const Fault& left = bare->catalogue.faults[i];
    const Fault& right = whole->faults[i];
    EXPECT_TRUE(left.examples.empty()) << left.id;
    EXPECT_EQ(left.rules.size(), right.rules.size()) << left.id;
    EXPECT_EQ(left.explains.size(), right.explains.size()) << left.id;
    EXPECT_EQ(left.consequences.size(), right.consequences.size()) << left.id;
    EXPECT_EQ(left.remedies.size(), right.remedies.size()) << left.id;
    EXPECT_EQ(left.drivers.size(), right.drivers.size()) << left.id;
    EXPECT_EQ(left.settle, right.settle) << left.id;
    EXPECT_EQ(left.sources, right.sources) << left.id;
  }
}

}  // namespace
}  // namespace gpuward::diagnosis
