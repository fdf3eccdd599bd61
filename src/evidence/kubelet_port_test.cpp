#include "evidence/kubelet_port.h"

#include <gtest/gtest.h>

#include <map>

#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kTable =
    R"(  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:2808 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   2: 0108700A:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 0100007F:280A 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
)";

TEST(Listeners, AreThoseThatListen) {
  const std::vector<Listener> expected = {
      {10250, 0, true}, {10248, 1000, true}, {10250, 0, false}};
  EXPECT_EQ(parse_listeners(kTable), expected);
  EXPECT_TRUE(parse_listeners("x").empty());
  EXPECT_EQ(parse_listeners("0: 00000000000000000000000000000000:280A "
                            "00000000000000000000000000000000:0000 0A 0:0 0:0 "
                            "0 0 0 1\n"),
            (std::vector<Listener>{{10250, 0, true}}));
}

struct Said {
  std::map<std::string, std::string> facts;
  size_t gaps = 0;
};
Said said(std::string_view text, const std::vector<std::string>& started = {}) {
  const Collected found = kubelet_facts(*Json::parse(text), 10250, started);
  Said out;
  out.gaps = found.gaps.size();
  for (const Evidence& each : found.evidence) {
    out.facts[each.key] = to_text(each.value);
  }
  return out;
}

TEST(KubeletFacts, OfOneThatIsWell) {
  const Said found = said(
      R"({"syncloop":{"status":200,"text":"ok"},
          "pods":{"all":9,"unstarted":[],"rejected":0}})");
  EXPECT_EQ(found.facts.at("kubelet_syncloop"), "ok");
  EXPECT_EQ(found.facts.at("kubelet_unstarted_pods"), "0");
  EXPECT_EQ(found.facts.at("kubelet_rejected_pods"), "0");
  EXPECT_EQ(found.gaps, 0u);
}

TEST(KubeletFacts, PodsThatHaveContainersAreNotCounted) {
  const Said found = said(
      R"({"syncloop":{"status":500,"text":"sync Loop took longer than expected"},
          "pods":{"all":9,"unstarted":["ml_a_1","ml_b_2"],"rejected":7}})",
      {"ml_b_2"});
  EXPECT_EQ(found.facts.at("kubelet_syncloop"), "failed");
  EXPECT_EQ(found.facts.at("kubelet_unstarted_pods"), "1");
  EXPECT_EQ(found.facts.at("kubelet_rejected_pods"), "7");
}

TEST(KubeletFacts, LateIsAFactAndARefusalIsNone) {
  Said found = said(
      R"({"syncloop":{"error":"no answer in time","kind":"timed out"},
          "pods":{"error":"no answer in time","kind":"timed out"}})");
  EXPECT_EQ(found.facts.at("kubelet_syncloop"), "late");
  found = said(R"({"syncloop":{"status":401,"text":"Unauthorized"},
                   "pods":{"error":"it answers 401","kind":"denied"}})");
  EXPECT_TRUE(found.facts.empty());
  EXPECT_EQ(found.gaps, 1u);
  EXPECT_EQ(said("{}").gaps, 1u);
}

}  // namespace
}  // namespace gpuward::evidence
