// Matcher kinds that ask for facts.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/matcher_kinds.h"
#include "model/facts.h"

namespace gpuward::diagnosis {
namespace {

// The source that a fact comes from on a live machine.
std::string_view source_of_fact(std::string_view key) {
  const fact::Key* known = fact::find(key);
  return known == nullptr ? key : known->source;
}

// These values say that there was no answer at all.
bool says_nothing(std::string_view key, std::string_view value) {
  if (key == fact::kContainerAccess) return value == "unknown";
  return key == fact::kProbe && (value == "not-run" || value == "failed");
}

bool satisfies(const Condition& condition, const std::string& value) {
  if (!condition.values.empty() &&
      std::ranges::none_of(condition.values, [&](const std::string& one) {
        return equal_ignoring_case(one, value);
      })) {
    return false;
  }
  const std::string lower = to_lower(value);
  if (!condition.globs.empty() &&
      std::ranges::none_of(condition.globs, [&](const std::string& glob) {
        return matches_glob(to_lower(glob), lower);
      })) {
    return false;
  }
  if (!condition.at_least && !condition.at_most) return true;
  const auto number = to_double(value);
  return number && *number >= condition.at_least.value_or(-1e300) &&
         *number <= condition.at_most.value_or(1e300);
}

}  // namespace

Judged fact_not_known(const Scene& scene, const std::string& key,
                      std::string words) {
  const std::string_view source = source_of_fact(key);
  for (const Gap& gap : scene.gaps) {
    if (gap.source != source && gap.source != key) continue;
    return not_known(fmt::format("{}: {}", gap.source, gap.why), true,
                     std::move(words));
  }
  return not_known(fmt::format("'{}' is not known", key), false,
                   std::move(words));
}

Judged judge_fact(const Scene& scene, const Condition& condition) {
  const std::string& key = condition.keys.front();
  const std::string words = "fact: " + key;
  const auto facts = facts_for(scene, key);
  if (facts.empty()) return fact_not_known(scene, key, words);
  Judged judged = answer(Truth::no, words);
  for (const Evidence* fact : facts) {
    const std::string value = to_text(fact->value);
    if (says_nothing(key, value) &&
        condition.values != std::vector<std::string>{value}) {
      return not_known(fact_in_words(*fact), true, words);
    }
    if (!satisfies(condition, value)) continue;
    judged.truth = Truth::yes;
    judged.support = true;
    Evidence evidence = *fact;
    evidence.text = fact_in_words(*fact);
    judged.evidence.push_back(std::move(evidence));
  }
  return judged;
}

// Of the GPU itself: what is known of the node does not stand in for it. Where
// the line named no GPU, all of them must be so, and none may be missing.
Judged judge_own_fact(const Scene& scene, const Condition& condition) {
  const std::string& key = condition.keys.front();
  Judged judged = answer(Truth::no, "own-fact: " + key);
  const auto facts = scene.state.facts.find(key);
  if (facts == scene.state.facts.end()) return judged;
  const bool any = names_no_address(scene.name);
  int64_t known = 0;
  for (const auto& [subject, fact] : facts->second) {
    if (subject.kind != Subject::Kind::gpu) continue;
    if (!any && subject.name != scene.name) continue;
    if (!satisfies(condition, to_text(fact.value))) {
      return answer(Truth::no, judged.words);
    }
    ++known;
    judged.evidence.push_back(fact);
    judged.evidence.back().text = fact_in_words(fact);
  }
  for (const Evidence* bus : facts_for(scene, fact::kPciGpus)) {
    const auto gpus = to_number<int64_t>(to_text(bus->value));
    if (any && gpus && *gpus > known) known = 0;
  }
  if (known > 0) judged.truth = Truth::yes;
  return judged;
}

Judged judge_differs(const Scene& scene, const Condition& condition) {
  const std::string words =
      "differs: " + condition.keys[0] + ", " + condition.keys[1];
  Judged judged = answer(Truth::no, words);
  std::vector<const Evidence*> sides;
  for (const std::string& key : condition.keys) {
    const auto facts = facts_for(scene, key);
    if (facts.empty()) return fact_not_known(scene, key, words);
    sides.push_back(facts.front());
  }
  const auto left = to_text(sides[0]->value);
  const auto right = to_text(sides[1]->value);
  const auto a = to_double(left);
  const auto b = to_double(right);
  const bool differ = condition.less ? a && b && *a < *b : left != right;
  if (!differ) return judged;
  judged.truth = Truth::yes;
  judged.support = true;
  for (const Evidence* side : sides) {
    judged.evidence.push_back(*side);
    judged.evidence.back().text = fact_in_words(*side);
  }
  return judged;
}

Judged judge_driver(const Scene& scene, const Condition& condition) {
  const std::string words = "driver: " + condition.values.front();
  const auto facts = facts_for(scene, fact::kDriver);
  if (facts.empty()) {
    return fact_not_known(scene, std::string(fact::kDriver), words);
  }
  const std::string text = to_text(facts.front()->value);
  const auto version = parse_version(text);
  const auto& ranges = scene.fault.drivers;
  const DriverStatus status =
      version ? driver_status(ranges, *version) : DriverStatus::unknown;
  if (status == DriverStatus::unknown) {
    return not_known(fmt::format("nothing is known of driver {} here", text),
                     false, words);
  }
  const auto wanted = condition.values.front() == "affected"
                          ? DriverStatus::affected
                          : DriverStatus::fixed;
  if (status != wanted) return answer(Truth::no, words);
  Judged judged = answer(Truth::yes, words);
  judged.support = true;
  Evidence evidence = *facts.front();
  evidence.text =
      fmt::format("{} {} {}", text,
                  wanted == DriverStatus::affected ? "lies in" : "has the fix:",
                  range_in_words(ranges, *version));
  judged.evidence.push_back(std::move(evidence));
  return judged;
}

}  // namespace gpuward::diagnosis
