#include "diagnosis/why.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/conclude.h"
#include "diagnosis/condition_words.h"
#include "diagnosis/explain.h"
#include "diagnosis/weigh.h"
#include "model/facts.h"

namespace gpuward::diagnosis {
namespace {

constexpr size_t kMaxEvidence = 4;

bool is_leaf(const Condition& condition) { return condition.parts.empty(); }

Reason::Kind kind_of(const Condition& condition) {
  if (condition.matcher == "all") return Reason::Kind::all;
  if (condition.matcher == "any") return Reason::Kind::any;
  return Reason::Kind::turned;
}

// The line that told a fact need not show its value.
std::string with_value(const Evidence& fact) {
  const std::string text = fact_in_words(fact);
  const auto* value = std::get_if<std::string>(&fact.value);
  if (value == nullptr || text.find(*value) != std::string::npos) return text;
  return fmt::format("{} is {}: {}", fact.key, *value, text);
}

void add(std::vector<Evidence>& all, Evidence evidence) {
  if (all.size() >= kMaxEvidence) return;
  if (!evidence.key.empty()) evidence.text = with_value(evidence);
  if (std::ranges::find(all, evidence) == all.end()) {
    all.push_back(std::move(evidence));
  }
}

// The facts and lines that the condition asks for, as they are.
std::vector<Evidence> there_is(const Scene& scene, const Condition& condition) {
  std::vector<Evidence> all;
  std::vector<std::string> keys = condition.keys;
  if (condition.matcher == "several") keys.clear();  // words of lines
  if (condition.matcher == "driver") keys.emplace_back(fact::kDriver);
  if (condition.matcher == "starts-at-uptime") {
    keys.emplace_back(fact::kUptimeDays);
  }
  const bool of_gpu = condition.matcher == "own-fact";
  for (const std::string& key : keys) {
    for (const Evidence* fact : facts_for(scene, key)) {
      if (!of_gpu || fact->subject.kind == Subject::Kind::gpu) add(all, *fact);
    }
  }
  for (const size_t index : condition.signatures) {
    const auto by_gpu = scene.state.hits.find(index);
    if (by_gpu == scene.state.hits.end()) continue;
    for (const auto& [gpu, hits] : by_gpu->second) {
      if (concerns(scene, gpu)) add(all, hits.first.line);
    }
  }
  return all;
}

Reason reason_of_leaf(const Scene& scene, const Condition& condition) {
  const Judged judged = judge(scene, condition);
  Reason reason;
  reason.truth = judged.truth;
  reason.words = in_words(scene.catalogue, condition);
  if (condition.matcher == "seen" && condition.signatures.size() == 1) {
    reason.means =
        scene.catalogue.signatures[condition.signatures.front()].means;
  }
  reason.missing = judged.missing;
  for (const Evidence& one : judged.evidence) add(reason.evidence, one);
  const bool absent =
      judged.truth == Truth::yes && condition.matcher == "not-seen";
  if (reason.evidence.empty() && !absent) {
    reason.evidence = there_is(scene, condition);
  }
  return reason;
}

Reason reason_of(const Scene& scene, const Condition& condition) {
  if (is_leaf(condition)) return reason_of_leaf(scene, condition);
  Reason reason;
  for (const Condition& part : condition.parts) {
    reason.parts.push_back(reason_of(scene, part));
  }
  reason.kind = kind_of(condition);
  reason.truth = judge(scene, condition).truth;
  reason.words = in_words(scene.catalogue, condition);
  // One line for "not: probe is answering".
  if (condition.parts.size() == 1 && reason.parts.front().parts.empty()) {
    Reason only = std::move(reason.parts.front());
    reason.parts.clear();
    if (reason.kind == Reason::Kind::turned) {
      only.words = fmt::format("{}: {}", condition.matcher, only.words);
      only.truth = reason.truth;
    }
    return only;
  }
  return reason;
}

// Whether two subjects were judged alike, whatever their evidence.
bool alike(const Reason& left, const Reason& right) {
  return left.truth == right.truth && left.words == right.words &&
         left.missing == right.missing &&
         std::ranges::equal(left.parts, right.parts, alike);
}

bool alike(const Why::ForSubjects& left, const Why::ForSubjects& right) {
  return left.held == right.held && left.open == right.open &&
         std::ranges::equal(left.rules, right.rules,
                            [](const RuleReason& one, const RuleReason& other) {
                              return alike(one.when, other.when);
                            });
}

std::optional<size_t> place_of(const Fault& fault, const Rule* rule) {
  if (rule == nullptr) return std::nullopt;
  return static_cast<size_t>(rule - fault.rules.data());
}

Why::ForSubjects for_subject(const Weighed& weighed) {
  const Fault& fault = *weighed.fault;
  Why::ForSubjects out;
  out.subjects = {weighed.subject};
  out.held = place_of(fault, weighed.rule);
  if (!out.held) out.open = place_of(fault, weighed.open_rule);
  for (const Rule& rule : fault.rules) {
    out.rules.push_back({rule.confidence,
                         rule.severity.value_or(fault.severity),
                         without_blanks(fault, rule.title),
                         reason_of(weighed.scene, rule.when)});
  }
  return out;
}

void add_subject(Why& answer, Why::ForSubjects one) {
  for (Why::ForSubjects& known : answer.subjects) {
    if (!alike(known, one)) continue;
    known.subjects.push_back(one.subjects.front());
    return;
  }
  answer.subjects.push_back(std::move(one));
}

Why::Answer answer_of(const Why& answer) {
  if (answer.subjects.empty()) return Why::Answer::not_applicable;
  if (answer.subjects.front().held) return Why::Answer::found;
  const bool open = std::ranges::any_of(
      answer.subjects,
      [](const Why::ForSubjects& one) { return one.open.has_value(); });
  return open ? Why::Answer::open : Why::Answer::not_found;
}

// The finding under which it is listed, empty where it stands by itself.
std::string explained_by(const Catalogue& catalogue, const State& state,
                         const std::vector<Gap>& gaps, std::string_view id) {
  const auto findings = conclude(catalogue, state, gaps, Wall{}).findings;
  if (std::ranges::find(findings, id, &Finding::id) != findings.end()) {
    return {};
  }
  for (const Finding& root : findings) {
    const auto& list = root.consequences;
    if (std::ranges::find(list, id, &Consequence::id) != list.end()) {
      return root.id;
    }
  }
  return {};
}

std::unexpected<Error> no_such_fault(const Catalogue& catalogue,
                                     std::string_view id) {
  std::vector<std::string> ids;
  for (const Fault& one : catalogue.faults) ids.push_back(one.id);
  const auto near = nearest(id, ids);
  return fail(Error::Kind::not_found,
              fmt::format("there is no fault '{}'{}", printable(id, 100),
                          near ? "; did you mean '" + *near + "'?"
                               : "; `gpuward catalogue list` shows them"));
}

}  // namespace

Result<Why> why(const Catalogue& catalogue, const State& state,
                const std::vector<Gap>& gaps, std::string_view id) {
  const Fault* fault = catalogue.find(id);
  if (fault == nullptr) return no_such_fault(catalogue, id);
  Why answer;
  answer.id = fault->id;
  answer.title = without_blanks(*fault, fault->title);
  if (fault->applies) {
    const Scene node{catalogue, *fault, state, gaps, "", {}, true};
    answer.applies = reason_of(node, *fault->applies);
  }
  for (const Weighed& one : weigh(catalogue, *fault, state, gaps)) {
    if (one.rule != nullptr) answer.title = finding_from(one, Wall{}).title;
    add_subject(answer, for_subject(one));
  }
  std::ranges::stable_sort(
      answer.subjects, std::greater<>(),
      [](const Why::ForSubjects& one) { return one.held.has_value(); });
  answer.answer = answer_of(answer);
  if (answer.answer == Why::Answer::found) {
    answer.explained_by = explained_by(catalogue, state, gaps, id);
  }
  return answer;
}

std::vector<const Reason*> lacking(const Reason& reason) {
  if (reason.truth == Truth::yes) return {};
  const bool whole =
      reason.kind == Reason::Kind::alone || reason.kind == Reason::Kind::turned;
  if (whole) return {&reason};
  std::vector<const Reason*> all;
  const bool one_is_enough = reason.kind == Reason::Kind::any;
  for (const Reason& part : reason.parts) {
    const auto of_part = lacking(part);
    const bool better = all.empty() || of_part.size() < all.size();
    if (one_is_enough && better) all = of_part;
    if (!one_is_enough) all.insert(all.end(), of_part.begin(), of_part.end());
  }
  return all;
}

std::string_view name_of(Why::Answer answer) {
  switch (answer) {
    case Why::Answer::found:
      return "found";
    case Why::Answer::not_found:
      return "not-found";
    case Why::Answer::open:
      return "open";
    case Why::Answer::not_applicable:
      return "not-applicable";
  }
  return "";
}

}  // namespace gpuward::diagnosis
