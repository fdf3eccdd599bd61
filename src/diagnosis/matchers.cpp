// The named matcher kinds: how each is read from YAML and judged. A rule that
// wants an `if` gets a row here; no language grows in YAML.
#include <algorithm>

#include "diagnosis/matcher_kinds.h"
#include "diagnosis/matcher_reading.h"

namespace gpuward::diagnosis {
namespace {

Judged judge_all(const Scene& scene, const Condition& condition) {
  Judged all = answer(Truth::yes, "all of");
  for (const Condition& part : condition.parts) {
    Judged one = judge(scene, part);
    all.truth = std::min(all.truth, one.truth);
    all.gap = all.gap || one.gap;
    all.support = all.support || one.support;
    all.missing.insert(all.missing.end(), one.missing.begin(),
                       one.missing.end());
    all.evidence.insert(all.evidence.end(), one.evidence.begin(),
                        one.evidence.end());
    all.captures.insert(all.captures.end(), one.captures.begin(),
                        one.captures.end());
    all.parts.push_back(std::move(one));
  }
  if (all.truth == Truth::no) {
    all.missing.clear();
    all.gap = false;
  }
  return all;
}

Judged judge_any(const Scene& scene, const Condition& condition) {
  Judged any = answer(Truth::no, "any of");
  for (const Condition& part : condition.parts) {
    Judged one = judge(scene, part);
    any.truth = std::max(any.truth, one.truth);
    any.gap = any.gap || one.gap;
    any.support = any.support || one.support;
    any.missing.insert(any.missing.end(), one.missing.begin(),
                       one.missing.end());
    any.evidence.insert(any.evidence.end(), one.evidence.begin(),
                        one.evidence.end());
    any.captures.insert(any.captures.end(), one.captures.begin(),
                        one.captures.end());
    any.parts.push_back(std::move(one));
  }
  if (any.truth != Truth::unknown) {
    any.missing.clear();
    any.gap = false;
  }
  return any;
}

Judged judge_not(const Scene& scene, const Condition& condition) {
  Judged inner = judge_all(scene, condition);
  Judged judged = answer(Truth::unknown, "not");
  if (inner.truth == Truth::yes) judged.truth = Truth::no;
  if (inner.truth == Truth::no) judged.truth = Truth::yes;
  if (judged.truth == Truth::unknown) {
    judged.missing = inner.missing;
    judged.gap = inner.gap;
  }
  judged.parts.push_back(std::move(inner));
  return judged;
}

// Holds unless its condition is known to hold: a doubt does not count. For
// what would make a rule wrong, but need not be known.
Judged judge_unless(const Scene& scene, const Condition& condition) {
  Judged inner = judge_all(scene, condition);
  Judged judged =
      answer(inner.truth == Truth::yes ? Truth::no : Truth::yes, "unless");
  judged.parts.push_back(std::move(inner));
  return judged;
}

Judged judge_read(const Scene& scene, const Condition& condition) {
  for (const std::string& source : condition.values) {
    if (scene.state.sources.contains(source)) {
      return answer(Truth::yes, "read: " + source);
    }
    // It is there, though it could not be read.
    if (std::ranges::find(scene.gaps, source, &Gap::source) !=
        scene.gaps.end()) {
      return answer(Truth::yes, "not readable: " + source);
    }
  }
  return answer(Truth::no, "read");
}

constexpr MatcherKind kMatchers[] = {
    {"all", "a list of conditions", nullptr, judge_all},
    {"any", "a list of conditions", nullptr, judge_any},
    {"not", "a condition", nullptr, judge_not},
    {"unless", "a condition", nullptr, judge_unless},
    {"seen", "a signature, several, or {signature, at-least}", read_seen,
     judge_seen},
    {"not-seen", "a signature or several", read_names, judge_not_seen},
    {"starts-before", "{signature, before}", read_order, judge_starts_before},
    {"starts-at-uptime", "{signature, at-least-days, at-most-days}", read_order,
     judge_starts_at_uptime},
    {"unanswered", "{call, answer}", read_unanswered, judge_unanswered},
    {"on-many", "{signature, at-least, within}", read_on_many, judge_on_many},
    {"several", "{signature, of, same, at-least}", read_several, judge_several},
    {"other-than", "{signature, fact}", read_other_than, judge_other_than},
    {"read", "a source", read_source, judge_read},
    {"fact", "{key, is|one-of|glob|at-least|at-most}", read_fact, judge_fact},
    {"own-fact", "{key, is|one-of|glob|at-least|at-most}", read_fact,
     judge_own_fact},
    {"differs", "two facts", read_pair, judge_differs},
    {"less", "two facts that are numbers", read_less, judge_differs},
    {"driver", "affected or fixed", read_driver, judge_driver},
};

}  // namespace

Judged answer(Truth truth, std::string words) {
  Judged judged;
  judged.truth = truth;
  judged.words = std::move(words);
  return judged;
}

Judged not_known(std::string what, bool gap, std::string words) {
  Judged judged = answer(Truth::unknown, std::move(words));
  judged.missing.push_back(std::move(what));
  judged.gap = gap;
  return judged;
}

std::span<const MatcherKind> matchers() { return kMatchers; }

}  // namespace gpuward::diagnosis
