#include "evidence/kubelet_admissions.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "evidence/kubelet_log.h"
#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

// Of the report, at the kubelet's default level.
constexpr std::string_view kReport =
    R"(Jul 30 20:38:41 ai-app-8-1-msxf kubelet[25493]: I0730 20:38:41.118223   25493 reconciler_common.go:253] "operationExecutor.VerifyControllerAttachedVolume started for volume \"kube-api-access-x7k2p\" pod \"neal-0729-5\" " pod="mck-test/neal-0729-5-7c9d8f6b5-2xkqp"
Jul 30 20:39:03 ai-app-8-1-msxf kubelet[25493]: I0730 20:39:03.752764   25493 kubelet.go:2343] "SyncLoop ADD" source="api" pods=[mck-test/neal-0729-6-8686d45f8c-rgsr9]
Jul 30 20:39:03 ai-app-8-1-msxf kubelet[25493]: I0730 20:39:03.752799   25493 topology_manager.go:212] "Topology Admit Handler"
Jul 30 20:49:12 ai-app-8-1-msxf kubelet[25493]: W0730 20:49:12.330714   25493 watcher.go:93] Error while processing event ("/sys/fs/cgroup/memory/kubepods/besteffort": 0x40000100 == IN_CREATE|IN_ISDIR): no such file or directory
)";

std::optional<KubeletAdmissions::Admission> last_of(std::string_view text) {
  KubeletAdmissions admissions;
  for (const std::string_view line : split(text, '\n')) {
    Evidence evidence;
    evidence.text = line;
    admissions.line(evidence);
  }
  return admissions.last(Wall{});
}

bool waits(const std::string& more) {
  const auto last = last_of(std::string(kReport) + more);
  EXPECT_TRUE(last);
  return last && last->waits;
}

TEST(KlogHead, StandsAnywhereNearTheStart) {
  const auto head =
      klog_head(R"(I0730 20:39:03.753013   45878 manager.go:956] "Issuing")");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->pid, 45878);
  const auto later = klog_head("E0731 20:39:04.753013 1 a.go:1] x");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->at - head->at, 24h + 1s);
  for (const std::string_view none :
       {"", "I0730", "I1330 20:39:03.753013 1 a.go:1] x",
        "I0730 20:39:03.753013 x a.go:1] x", "I0730 20:39:03.753013 1 a.go:1",
        "node kubelet[1]: Flag --x has been deprecated",
        "I0730 2a:39:03.7 1 "}) {
    EXPECT_FALSE(klog_head(none)) << none;
  }
}

TEST(KubeletAdmissions, APodThatNothingIsHeardOf) {
  const auto last = last_of(kReport);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->waits);
  EXPECT_EQ(last->pods,
            std::set<std::string>{"mck-test/neal-0729-6-8686d45f8c-rgsr9"});
  EXPECT_EQ(last->silent / 1s, 608);
  EXPECT_EQ(last->pid, 25493);
}

TEST(KubeletAdmissions, WhatTheLoopDoesNextEndsIt) {
  const std::string head = "I0730 20:49:13.000000   25493 ";
  EXPECT_FALSE(waits(
      head + R"(kubelet.go:2] "SyncLoop (PLEG): event for pod" pod="a/b")"));
  EXPECT_FALSE(waits(
      head + R"(kubelet.go:2] "SyncLoop DELETE" source="api" pods=[a/b])"));
  // The pod is named by whoever works on it after its admission.
  EXPECT_FALSE(waits(
      head +
      R"(volume.go:2] "started" pod="mck-test/neal-0729-6-8686d45f8c-rgsr9")"));
}

TEST(KubeletAdmissions, WhatOthersSayDoesNotEndIt) {
  const std::string head = "I0730 20:49:13.000000   25493 ";
  EXPECT_TRUE(waits(
      head +
      R"(volume.go:2] "started" pod="mck-test/neal-0729-5-7c9d8f6b5-2xkqp")"));
  EXPECT_TRUE(waits(
      head +
      R"(volume.go:2] "started" pod="mck-test/neal-0729-6-8686d45f8c-rgsr9-b")"));
  EXPECT_TRUE(waits(
      head +
      R"(manager.go:956] "Issuing a GetPreferredAllocation call for container" containerName="a" pod="mck-test/neal-0729-6-8686d45f8c-rgsr9")"));
}

TEST(KubeletAdmissions, ANewKubeletBeginsAnew) {
  EXPECT_FALSE(waits("I0730 20:50:00.000000   30001 server.go:1] \"Started\""));
  EXPECT_FALSE(last_of("node kubelet[1]: Flag --x has been deprecated"));
}

TEST(KubeletAdmissions, NewerKubeletsNameThePodThatTheyAdmit) {
  const std::string admit =
      R"(I0730 20:39:03.752799 7 topology_manager.go:215] "Topology Admit Handler" podUID="69e0758e-1" podNamespace="ml" podName="train-0"
I0730 20:40:03.752799 7 status.go:1] "still here"
)";
  const auto last = last_of(admit);
  ASSERT_TRUE(last && last->waits);
  EXPECT_EQ(last->pods, std::set<std::string>{"ml/train-0"});
  EXPECT_EQ(last->uid, "69e0758e-1");
  EXPECT_EQ(last->silent, 60s);
  const auto volume = last_of(
      admit +
      R"(I0730 20:40:04.0 7 reconciler.go:1] "operationExecutor" (UniqueName: "kubernetes.io/projected/69e0758e-1-token"))");
  EXPECT_FALSE(volume->waits);
}

TEST(KubeletAdmissions, AStartWithoutPodsAdmitsNothing) {
  const std::string start =
      R"(I0730 20:39:03.752799 7 kubelet.go:2] "SyncLoop ADD" source="file" pods=[]
I0730 20:39:03.8 7 kubelet.go:2] "SyncLoop (PLEG): event for pod" pod="ml/old-0"
)";
  const auto empty = last_of(start);
  EXPECT_FALSE(empty->waits);
  EXPECT_FALSE(empty->completed);
  const std::string waits =
      start +
      R"(I0730 20:39:04.0 7 kubelet.go:2] "SyncLoop ADD" source="api" pods=["ml/train-0"]
I0730 20:39:04.1 7 topology_manager.go:1] "Topology Admit Handler" podUID="69e0758e-1" podNamespace="ml" podName="train-0"
)";
  EXPECT_TRUE(last_of(waits)->waits);
  EXPECT_FALSE(last_of(waits)->completed);
  const auto over = last_of(
      waits +
      R"(I0730 20:39:05.0 7 kubelet.go:2] "SyncLoop UPDATE" source="api")");
  EXPECT_TRUE(over->completed);
}

// The log of a live machine: the kubelet runs, folders of its pods are there.
class LiveLog : public ::testing::Test {
 protected:
  LiveLog() {
    tree_.file("/var/log/kubelet.log", kReport)
        .file("/proc/25493/stat",
              "25493 (kubelet) S 1 0 0 0 -1 0 0 0 0 0 0 0 "
              "0 0 20 0 9 0 100 0 0");
  }
  std::map<std::string, std::string> facts() {
    const host::Host host{*host::Root::open(tree_.path()),
                          *host::Root::open("/"),
                          "",
                          "",
                          false,
                          ""};
    std::map<std::string, std::string> out;
    for (const Evidence& each : collect_kubelet_log(host).evidence) {
      if (!each.key.empty()) out[each.key] = to_text(each.value);
    }
    return out;
  }
  TempTree tree_;
};

TEST_F(LiveLog, SaysHowLongAndForWhom) {
  auto found = facts();
  EXPECT_EQ(found[std::string(fact::kKubeletAdmission)], "waits");
  EXPECT_EQ(found[std::string(fact::kKubeletAdmissionSeconds)], "608");
  EXPECT_EQ(found[std::string(fact::kKubeletWaitingPod)],
            "mck-test/neal-0729-6-8686d45f8c-rgsr9");
}

TEST_F(LiveLog, AFolderOfThePodsLogsIsMadeAfterItsAdmission) {
  tree_.directory("/var/log/pods/mck-test_neal-0729-6-8686d45f8c-rgsr9_69e0");
  auto found = facts();
  EXPECT_EQ(found[std::string(fact::kKubeletAdmission)], "goes on");
  EXPECT_EQ(found[std::string(fact::kKubeletAdmissionSeconds)], "0");
}

TEST_F(LiveLog, AnotherPodsFolderSaysNothing) {
  tree_.directory("/var/log/pods/mck-test_neal-0729-5-7c9d8f6b5-2xkqp_69e0");
  EXPECT_EQ(facts()[std::string(fact::kKubeletAdmission)], "waits");
}

TEST_F(LiveLog, OfAKubeletThatEndedSaysNothing) {
  tree_.file("/proc/25493/stat",
             "25493 (bash) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 "
             "20 0 9 0 100 0 0");
  EXPECT_TRUE(facts().empty());
}

}  // namespace
}  // namespace gpuward::evidence
