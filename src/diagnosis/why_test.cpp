// What --why and --why-not rest on: each condition with its line or fact.
#include "diagnosis/why.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/fold.h"

namespace gpuward::diagnosis {
namespace {

const Catalogue& catalogue() {
  static const auto loaded = load_catalogue();
  EXPECT_TRUE(loaded) << loaded.error().text;
  return *loaded;
}

using Facts = std::vector<std::pair<std::string, std::string>>;

State folded(const Facts& facts, const std::vector<std::string>& lines = {}) {
  State state;
  for (const auto& [key, value] : facts) {
    Evidence fact;
    fact.source = "test";
    const size_t at = key.find('@');
    fact.key = key.substr(0, at);
    if (at != key.npos) fact.subject = {Subject::Kind::gpu, key.substr(at + 1)};
    fact.value = value;
    fold(catalogue(), state, fact);
  }
  int64_t number = 0;
  for (const std::string& text : lines) {
    Evidence line;
    line.source = "kernel-log";
    line.text = text;
    line.file = "kern.log";
    line.line = ++number;
    fold(catalogue(), state, line);
  }
  return state;
}

Why ask(std::string_view id, const State& state,
        const std::vector<Gap>& gaps = {}) {
  auto answer = why(catalogue(), state, gaps, id);
  EXPECT_TRUE(answer) << answer.error().text;
  return answer.value_or(Why{});
}

const Reason* find(const Reason& reason, std::string_view words) {
  if (reason.words.find(words) != std::string::npos) return &reason;
  for (const Reason& part : reason.parts) {
    if (const Reason* found = find(part, words)) return found;
  }
  return nullptr;
}

std::string first_text(const Reason* reason) {
  if (reason == nullptr) return "no such condition";
  return reason->evidence.empty() ? "" : reason->evidence.front().text;
}

const std::string kLost =
    "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.";

TEST(Why, NamesTheLineThatAFindingRestsOn) {
  const auto answer =
      ask("gpu-fallen-off-bus", folded({}, {"something else", kLost}));
  EXPECT_EQ(answer.answer, Why::Answer::found);
  ASSERT_FALSE(answer.subjects.empty());
  const auto& first = answer.subjects.front();
  EXPECT_EQ(first.subjects.front().name, "0000:3b:00.0");
  const auto held = first.held.value_or(99);
  ASSERT_LT(held, first.rules.size());
  const Reason& rule = first.rules[held].when;
  EXPECT_EQ(rule.truth, Truth::yes);
  ASSERT_EQ(rule.evidence.size(), 1u);
  EXPECT_EQ(rule.evidence[0].text, kLost);
  EXPECT_EQ(rule.evidence[0].file, "kern.log");
  EXPECT_EQ(rule.evidence[0].line, 2);
  EXPECT_TRUE(lacking(rule).empty());
}

TEST(Why, ShowsWhatWasThereInsteadOfWhatWasWanted) {
  const auto answer = ask(
      "nvml-init-hang-r570",
      folded({{"driver", "570.158.01"}, {"mig", "off"}, {"probe", "slow"}}));
  EXPECT_EQ(answer.answer, Why::Answer::not_found);
  ASSERT_EQ(answer.subjects.size(), 1u);
  const Reason& last = answer.subjects[0].rules.back().when;
  const Reason* driver = find(last, "the driver is one that has this fault");
  ASSERT_NE(driver, nullptr);
  EXPECT_EQ(driver->truth, Truth::yes);
  const Reason* mig = find(last, "mig is mixed or all or on");
  ASSERT_NE(mig, nullptr);
  EXPECT_EQ(mig->truth, Truth::no);
  EXPECT_EQ(first_text(mig), "mig: off");
  const auto wanted = lacking(last);
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted.front(), mig);
}

TEST(Why, SaysWhatIsNotKnown) {
  const auto answer = ask("uptime-hang-blackwell", folded({{"gpu", "B200"}}));
  EXPECT_NE(answer.answer, Why::Answer::found);
  ASSERT_FALSE(answer.subjects.empty());
  bool said = false;
  for (const RuleReason& rule : answer.subjects[0].rules) {
    for (const Reason* one : lacking(rule.when)) {
      said = said || !one->missing.empty();
    }
  }
  EXPECT_TRUE(said);
}

TEST(Why, AGapLeavesItOpen) {
  const auto answer = ask("gpu-fallen-off-bus", folded({}),
                          {{"kernel-log", "not readable: run as root"}});
  EXPECT_EQ(answer.answer, Why::Answer::open);
  const auto& first = answer.subjects.front();
  ASSERT_TRUE(first.open);
  const auto wanted = lacking(first.rules[first.open.value_or(0)].when);
  ASSERT_FALSE(wanted.empty());
  EXPECT_EQ(wanted[0]->missing,
            std::vector<std::string>{"kernel-log: not readable: run as root"});
}

TEST(Why, NamesTheRootOfAConsequence) {
  const auto state = folded(
      {}, {kLost,
           "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from "
           "0x0 (None) to 0x2 (Node Reboot Required)"});
  const auto answer = ask("gpu-reset-required", state);
  EXPECT_EQ(answer.answer, Why::Answer::found);
  EXPECT_EQ(answer.explained_by, "gpu-fallen-off-bus");
  EXPECT_EQ(ask("gpu-fallen-off-bus", state).explained_by, "");
}

TEST(Why, SaysWhereAFaultDoesNotApply) {
  const auto answer = ask("gpu-fallen-off-bus", folded({{"pci_gpus", "0"}}));
  EXPECT_EQ(answer.answer, Why::Answer::not_applicable);
  EXPECT_TRUE(answer.subjects.empty());
  const Reason applies = answer.applies.value_or(Reason{});
  EXPECT_EQ(applies.truth, Truth::no);
  EXPECT_EQ(first_text(find(applies, "pci_gpus")), "pci_gpus: 0");
}

TEST(Why, GpusThatAreJudgedAlikeAreShownOnce) {
  const auto answer =
      ask("gpu-fallen-off-bus", folded({{"nvml@0000:0f:00.0", "SUCCESS"},
                                        {"nvml@0000:1f:00.0", "SUCCESS"},
                                        {"nvml@0000:2f:00.0", "GPU_IS_LOST"}}));
  EXPECT_EQ(answer.answer, Why::Answer::found);
  ASSERT_EQ(answer.subjects.size(), 2u);
  EXPECT_EQ(answer.subjects[0].subjects.front().name, "0000:2f:00.0");
  EXPECT_EQ(answer.subjects[1].subjects.size(), 2u);
}

TEST(Why, AWrongIdNamesTheNearest) {
  const auto wrong = why(catalogue(), State{}, {}, "nvml-init-hang-r57");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().text,
            "there is no fault 'nvml-init-hang-r57'; did you mean "
            "'nvml-init-hang-r570'?");
}

// Every condition of every entry has words; none shows its bare kind.
void expect_words(const std::string& id, const Reason& reason) {
  EXPECT_FALSE(reason.words.empty()) << id;
  for (const MatcherKind& kind : matchers()) {
    const bool alone = reason.kind == Reason::Kind::alone;
    EXPECT_FALSE(alone && reason.words == kind.name) << id;
  }
  for (const Reason& part : reason.parts) expect_words(id, part);
}

TEST(Why, EveryConditionHasWords) {
  for (const Fault& fault : catalogue().faults) {
    const auto answer = ask(fault.id, State{});
    if (answer.applies) expect_words(fault.id, *answer.applies);
    for (const auto& subject : answer.subjects) {
      for (const RuleReason& rule : subject.rules) {
        expect_words(fault.id, rule.when);
      }
    }
  }
}

}  // namespace
}  // namespace gpuward::diagnosis
