#include "diagnosis/weigh.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace gpuward::diagnosis {
namespace {

constexpr size_t kMaxEvidence = 12;

// Of the GPUs that lines and facts speak of, or of the containers.
void collect_names(const Condition& condition, Subject::Kind kind,
                   const State& state, std::set<std::string>& names) {
  for (const size_t index : condition.signatures) {
    if (kind != Subject::Kind::gpu) break;
    const auto found = state.hits.find(index);
    if (found == state.hits.end()) continue;
    for (const auto& [gpu, hits] : found->second) {
      if (!gpu.empty()) names.insert(gpu);
    }
  }
  for (const std::string& key : condition.keys) {
    const auto found = state.facts.find(key);
    if (found == state.facts.end()) continue;
    for (const auto& [subject, fact] : found->second) {
      if (subject.kind == kind) names.insert(subject.name);
    }
  }
  for (const Condition& part : condition.parts) {
    collect_names(part, kind, state, names);
  }
}

// An unknown rule is an open question where something speaks for it, or where
// a source failed. A rule that nothing speaks for is not one: else every log
// file would leave everything open that only a live machine can tell.
bool is_open(const Judged& judged) {
  return judged.truth == Truth::unknown && (judged.gap || judged.support);
}

void weigh_rules(Weighed& weighed) {
  for (const Rule& rule : weighed.fault->rules) {
    Judged judged = judge(weighed.scene, rule.when);
    if (judged.truth == Truth::yes) {
      weighed.rule = &rule;
      weighed.judged = std::move(judged);
      weighed.scene.captures = weighed.judged.captures;
      return;
    }
    // The question that needs least to be answered is the one to ask.
    const bool closer = weighed.open_rule == nullptr ||
                        judged.missing.size() < weighed.missing.size();
    if (is_open(judged) && closer) {
      weighed.open_rule = &rule;
      weighed.missing = judged.missing;
    }
  }
}

Weighed weigh_one(const Scene& scene) {
  Weighed weighed{&scene.fault, {}, scene, nullptr, {}, nullptr, {}};
  weighed.subject.kind = scene.fault.subject;
  weighed.subject.name = scene.name;
  weigh_rules(weighed);
  return weighed;
}

void add_evidence(Finding& finding, Evidence evidence) {
  // One line may give several facts; it is shown once.
  const auto same = [&](const Evidence& one) {
    const bool same_line =
        one.line > 0 && one.line == evidence.line && one.file == evidence.file;
    return same_line ||
           (one.text == evidence.text && one.subject == evidence.subject);
  };
  if (std::ranges::none_of(finding.evidence, same)) {
    finding.evidence.push_back(std::move(evidence));
  }
}

// Eight GPUs of one model are one piece of evidence to a reader.
bool says_the_same_of_another_gpu(const Evidence& one, const Evidence& other) {
  return !one.key.empty() && one.key == other.key && one.value == other.value &&
         one.source == other.source && one.subject != other.subject &&
         one.subject.kind == Subject::Kind::gpu &&
         other.subject.kind == Subject::Kind::gpu;
}

void merge_gpus(std::vector<Evidence>& evidence) {
  std::vector<Evidence> merged;
  std::vector<int> more;
  for (Evidence& one : evidence) {
    const auto found = std::ranges::find_if(merged, [&](const Evidence& kept) {
      return says_the_same_of_another_gpu(kept, one);
    });
    if (found != merged.end()) {
      ++more[static_cast<size_t>(found - merged.begin())];
    } else {
      merged.push_back(std::move(one));
      more.push_back(0);
    }
  }
  for (size_t i = 0; i < merged.size(); ++i) {
    if (more[i] > 0) {
      merged[i].text += fmt::format(" (and {} more GPUs)", more[i]);
    }
  }
  if (merged.size() > kMaxEvidence) merged.resize(kMaxEvidence);
  evidence = std::move(merged);
}

void add_shown(const Weighed& weighed, Finding& finding) {
  for (const std::string& key : weighed.fault->show) {
    for (const Evidence* fact : facts_for(weighed.scene, key)) {
      Evidence evidence = *fact;
      evidence.text = fact_in_words(*fact);
      add_evidence(finding, std::move(evidence));
    }
  }
}

void add_notes(const Weighed& weighed, Finding& finding) {
  for (const Note& note : weighed.fault->notes) {
    if (judge(weighed.scene, note.when).truth != Truth::yes) continue;
    Evidence evidence;
    evidence.source = "catalogue";
    evidence.text = fill_in(weighed.scene, note.text);
    finding.evidence.push_back(std::move(evidence));
  }
}

void add_consequences(const Weighed& weighed, Finding& finding) {
  for (const ConsequenceRule& rule : weighed.fault->consequences) {
    if (judge(weighed.scene, rule.when).truth != Truth::yes) continue;
    finding.consequences.push_back(
        {rule.id, fill_in(weighed.scene, rule.text)});
  }
}

bool does_not_apply(Scene scene, const Condition& applies) {
  scene.of_anyone = true;
  const Judged judged = judge(scene, applies);
  // Containers that could not be looked at may be those that it is about.
  const bool open = scene.fault.subject == Subject::Kind::container &&
                    judged.truth == Truth::unknown && judged.gap;
  return judged.truth != Truth::yes && !open;
}

// A remedy that is known not to help here is not offered.
void add_remedies(const Weighed& weighed, Finding& finding) {
  for (const RemedyRule& rule : weighed.fault->remedies) {
    if (rule.when && judge(weighed.scene, *rule.when).truth == Truth::no) {
      continue;
    }
    finding.remedies.push_back(rule.remedy);
    Remedy& remedy = finding.remedies.back();
    remedy.text = fill_in(weighed.scene, remedy.text);
  }
}

}  // namespace

std::vector<Weighed> weigh(const Catalogue& catalogue, const Fault& fault,
                           const State& state, const std::vector<Gap>& gaps) {
  const Scene node{catalogue, fault, state, gaps, ""};
  if (fault.applies && does_not_apply(node, *fault.applies)) return {};
  std::vector<Weighed> all;
  if (fault.subject == Subject::Kind::gpu ||
      fault.subject == Subject::Kind::container) {
    std::set<std::string> names;
    for (const Rule& rule : fault.rules) {
      collect_names(rule.when, fault.subject, state, names);
    }
    for (const std::string& name : names) {
      all.push_back(weigh_one({catalogue, fault, state, gaps, name}));
    }
    const auto held = [](const Weighed& one) { return one.rule != nullptr; };
    if (std::ranges::any_of(all, held)) return all;
  }
  all.push_back(weigh_one(node));
  return all;
}

// All that speaks for it was before the machine started anew.
bool is_of_an_earlier_boot(const std::vector<Evidence>& evidence) {
  const auto is_line = [](const Evidence& one) { return one.key.empty(); };
  return std::ranges::any_of(evidence, is_line) &&
         std::ranges::all_of(evidence, [&](const Evidence& one) {
           return is_line(one) ? one.boot < 0
                               : one.subject.kind == Subject::Kind::node;
         });
}

Finding finding_from(const Weighed& weighed, Wall now) {
  const Fault& fault = *weighed.fault;
  const Rule& rule = *weighed.rule;
  Finding finding;
  finding.id = fault.id;
  finding.severity = rule.severity.value_or(fault.severity);
  finding.confidence = rule.confidence;
  finding.subject = weighed.subject;
  finding.title =
      fill_in(weighed.scene, rule.title.empty() ? fault.title : rule.title);
  for (const Evidence& evidence : weighed.judged.evidence) {
    add_evidence(finding, evidence);
    const bool earlier = evidence.when && *evidence.when <= now &&
                         (!finding.since || *evidence.when < *finding.since);
    const bool event = evidence.key.empty() || evidence.key == "probe";
    if (earlier && event) finding.since = evidence.when;
  }
  if (is_of_an_earlier_boot(weighed.judged.evidence)) {
    finding.title += ", before the last restart";
    finding.severity = std::min(finding.severity, Severity::warning);
  }
  add_shown(weighed, finding);
  merge_gpus(finding.evidence);
  add_notes(weighed, finding);
  add_consequences(weighed, finding);
  add_remedies(weighed, finding);
  finding.settle = fault.settle;
  finding.sources = fault.sources;
  return finding;
}

}  // namespace gpuward::diagnosis
