#include "plan/plan_kubelet.h"

#include <gtest/gtest.h>

namespace gpuward::plan {
namespace {

KubeletPatient patient() {
  KubeletPatient out;
  KubeletPatient::Plugin plugin;
  plugin.pid = 31207;
  plugin.start_time = 99;
  plugin.comm = "nvidia-device-p";
  plugin.runtime = "containerd";
  plugin.id = "0d4f6a0d4f6a0d4f6a";
  plugin.socket = "/run/containerd/containerd.sock";
  plugin.pod = "nvidia-device-plugin-daemonset-bbp4x";
  plugin.pod_namespace = "gpu-operator";
  plugin.name = "nvidia-device-plugin";
  out.plugins = {plugin};
  out.waiting = {"ml/train-0"};
  out.kubelet_pid = 25493;
  out.kubelet_start_time = 7;
  out.unit = "kubelet.service";
  return out;
}

TEST(PlanKubelet, StopsThePluginFirstAndRestartsTheKubeletOnlyThen) {
  const KubeletRepair out = plan_kubelet(patient());
  ASSERT_EQ(out.plan.steps.size(), 2u);
  EXPECT_EQ(out.plan.steps[0].action, kStopContainer);
  EXPECT_EQ(out.plan.steps[0].subject.name,
            "gpu-operator/nvidia-device-plugin-daemonset-bbp4x/"
            "nvidia-device-plugin");
  EXPECT_EQ(out.plan.steps[0].arguments["id"].as_string(),
            "0d4f6a0d4f6a0d4f6a");
  EXPECT_EQ(out.plan.steps[1].action, kRestartKubelet);
  EXPECT_EQ(out.plan.steps[1].arguments["pid"].as_integer(), 25493);
  EXPECT_EQ(waiting_pods(out.plan.steps[1].arguments),
            std::vector<std::string>{"ml/train-0"});
  EXPECT_TRUE(out.plan.refusals.empty());
}

TEST(PlanKubelet, SaysBeforehandWhichPodWillFail) {
  KubeletPatient one = patient();
  EXPECT_NE(plan_kubelet(one).warnings.at(0).find("pod ml/train-0 waits"),
            std::string::npos);
  one.waiting.clear();
  EXPECT_NE(plan_kubelet(one).warnings.at(0).find("not known by name"),
            std::string::npos);
}

TEST(PlanKubelet, StateDIsLeftAndARebootAdvised) {
  KubeletPatient one = patient();
  one.plugins[0].state = KubeletPatient::Plugin::State::stuck;
  one.plugins[0].where = "task x:1 is in state D";
  const KubeletRepair out = plan_kubelet(one);
  EXPECT_TRUE(out.plan.steps.empty());
  ASSERT_EQ(out.plan.refusals.size(), 1u);
  EXPECT_NE(out.plan.refusals[0].why.find("state D"), std::string::npos);
  EXPECT_NE(out.then.at(0).find("reboot"), std::string::npos);
  EXPECT_TRUE(out.warnings.empty());
}

TEST(PlanKubelet, WithoutAPluginTheKubeletIsLeftAlone) {
  KubeletPatient one = patient();
  one.plugins.clear();
  const KubeletRepair out = plan_kubelet(one);
  EXPECT_TRUE(out.plan.steps.empty());
  EXPECT_EQ(out.plan.refusals.size(), 1u);
}

TEST(PlanKubelet, APluginOfNoContainerIsNotStoppedByOtherMeans) {
  KubeletPatient one = patient();
  one.plugins[0].why_not = "it runs in no container";
  KubeletRepair out = plan_kubelet(one);
  ASSERT_EQ(out.plan.steps.size(), 1u);
  EXPECT_EQ(out.plan.steps[0].action, kRestartKubelet);
  EXPECT_EQ(out.plan.refusals.at(0).why, "it runs in no container");
  one.plugins[0].why_not.clear();
  one.plugins[0].runtime = "podman";
  out = plan_kubelet(one);
  EXPECT_NE(out.plan.refusals.at(0).why.find("podman"), std::string::npos);
}

TEST(PlanKubelet, OnlyAKubeletOfItsOwnUnitIsRestarted) {
  KubeletPatient one = patient();
  one.unit = "k3s-agent.service";
  const KubeletRepair out = plan_kubelet(one);
  ASSERT_EQ(out.plan.steps.size(), 1u);
  EXPECT_EQ(out.plan.steps[0].action, kStopContainer);
  EXPECT_NE(out.plan.refusals.at(0).why.find("systemctl restart k3s-agent"),
            std::string::npos);
}

}  // namespace
}  // namespace gpuward::plan
