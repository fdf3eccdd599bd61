#include "ask/pods.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace gpuward::ask {
namespace {

const Wall kNow = *from_iso("2025-07-30T20:49:12.000Z");

std::string pod(std::string_view seen, std::string_view status,
                std::string_view limits = "") {
  return fmt::format(
      R"({{"metadata":{{"namespace":"ml","name":"a","uid":"1","annotations":
        {{"kubernetes.io/config.seen":"{}"}}}},
        "spec":{{"containers":[{{"resources":{{"limits":{{{}}}}}}}]}},
        "status":{{{}}}}})",
      seen, limits, status);
}

PodsSeen seen(const std::string& items) {
  const auto pods = read_pods(
      R"({"kind":"PodList","apiVersion":"v1","items":[)" + items + "]}", kNow);
  EXPECT_TRUE(pods);
  return pods.value_or(PodsSeen{});
}

TEST(Pods, OneThatTheKubeletHasNotBegunWith) {
  const PodsSeen found =
      seen(pod("2025-07-30T20:39:03.752764123Z", R"("phase":"Pending")"));
  EXPECT_EQ(found.all, 1);
  EXPECT_EQ(found.unstarted, std::vector<std::string>{"ml_a_1"});
}

TEST(Pods, OneThatHasBegunOrIsNewIsNoneOfThem) {
  EXPECT_TRUE(
      seen(pod("2025-07-30T20:39:03.7Z",
               R"("phase":"Pending","startTime":"2025-07-30T20:39:04Z")"))
          .unstarted.empty());
  EXPECT_TRUE(seen(pod("2025-07-30T20:49:00.7Z", R"("phase":"Pending")"))
                  .unstarted.empty());
  EXPECT_TRUE(seen(pod("", R"("phase":"Pending")")).unstarted.empty());
}

TEST(Pods, RejectedOnesCountWhereTheyAskForGpus) {
  const std::string rejected =
      R"("phase":"Failed","reason":"UnexpectedAdmissionError")";
  EXPECT_EQ(seen(pod("", rejected, R"("nvidia.com/gpu":"1")") + "," +
                 pod("", rejected, R"("amd.com/gpu":"1")") + "," +
                 pod("", R"("phase":"Failed","reason":"Evicted")",
                     R"("nvidia.com/gpu":"1")"))
                .rejected,
            1);
}

TEST(Pods, AnythingElseIsNoList) {
  for (const std::string_view text : {"", "{}", "[]", R"({"kind":"Status"})"}) {
    EXPECT_FALSE(read_pods(text, kNow)) << text;
  }
}

}  // namespace
}  // namespace gpuward::ask
