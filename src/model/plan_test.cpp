#include "model/plan.h"

#include <gtest/gtest.h>

#include "model/container_arguments.h"
#include "model/json.h"

namespace gpuward {
namespace {

TEST(Plan, AStepComesBackFromJson) {
  Step step;
  step.action = "restart-container";
  step.subject = {Subject::Kind::container, "web"};
  step.arguments.set("pid", 4711);
  step.text = "docker restart web";
  step.disrupts = Remedy::Disrupts::container;
  step.only_if_failed = 3;
  const auto back = step_from_json(to_json(step));
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(*back, step);
  EXPECT_FALSE(step_from_json(Json::object()));
  EXPECT_FALSE(step_from_json("text"));
}

TEST(Plan, OutcomesAndRefusalsAreSaid) {
  const Outcome outcome{Outcome::State::undone, {}, "why", Millis{12}};
  EXPECT_EQ(to_json(outcome)["state"].as_string(), "undone");
  EXPECT_EQ(to_json(outcome)["took_ms"].as_integer(), 12);
  Plan plan;
  plan.refusals = {{{Subject::Kind::container, "web"}, "restart", "a pod"}};
  EXPECT_EQ(to_json(plan)["refusals"].as_array().at(0)["why"].as_string(),
            "a pod");
}

TEST(Plan, AContainerComesBackFromItsArguments) {
  Container container;
  container.label = "web";
  container.pid = 12;
  container.start_time = 34;
  container.unit = "docker-1.scope";
  container.cgroup_v2 = false;
  container.grants = {{"/dev/nvidia0", 195, 0, "rw", "", ""}};
  const Json arguments = arguments_of(container);
  auto back = container_of(arguments);
  ASSERT_TRUE(back) << back.error().text;
  back->grants[0].record = "";
  EXPECT_EQ(*back, container);
}

TEST(Plan, ArgumentsThatMakeNoSenseAreRefused) {
  Container container;
  container.label = "web";
  container.pid = 12;
  container.grants = {{"/dev/nvidia0", 195, 0, "rwx", "", ""}};
  EXPECT_FALSE(container_of(arguments_of(container)));
  container.grants[0].access = "";
  EXPECT_FALSE(container_of(arguments_of(container)));
  container.grants.clear();
  EXPECT_TRUE(container_of(arguments_of(container)));
  container.pid = 0;
  EXPECT_FALSE(container_of(arguments_of(container)));
  EXPECT_FALSE(container_of(Json::object()));
}

}  // namespace
}  // namespace gpuward
