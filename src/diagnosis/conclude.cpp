#include "diagnosis/conclude.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.h"
#include "diagnosis/manual.h"
#include "diagnosis/weigh.h"
#include "diagnosis/xid_table.h"

namespace gpuward::diagnosis {
namespace {

struct Found {
  Finding finding;
  const Fault* fault = nullptr;
  const Weighed* weighed = nullptr;
  uint64_t order = 0;  // of its first line, where it rests on one
  bool consequence = false;
};

uint64_t first_line_of(const Weighed& weighed) {
  uint64_t order = UINT64_MAX;
  for (const auto& [index, by_gpu] : weighed.scene.state.hits) {
    const Signature& signature = weighed.scene.catalogue.signatures[index];
    if (signature.fault != weighed.fault->id) continue;
    for (const auto& [gpu, hits] : by_gpu) {
      if (!concerns(weighed.scene, gpu)) continue;
      order = std::min(order, hits.first.order);
    }
  }
  return order == UINT64_MAX ? 0 : order;
}

bool is_vague(const Subject& gpu) { return names_no_address(gpu.name); }

bool same_place(const Subject& root, const Subject& other) {
  if (root.kind != Subject::Kind::gpu || other.kind != Subject::Kind::gpu) {
    return true;
  }
  return is_vague(root) || is_vague(other) || root.name == other.name;
}

// The same fault, once with the GPU's address and once without.
bool repeats(const Found& root, const Found& other) {
  return root.finding.id == other.finding.id &&
         root.finding.subject.kind == Subject::Kind::gpu &&
         !is_vague(root.finding.subject) && is_vague(other.finding.subject);
}

const Explains* explanation(const Found& root, const Found& other) {
  if (root.finding.confidence == Confidence::possible) return nullptr;
  if (root.finding.severity < other.finding.severity) return nullptr;
  const bool here = same_place(root.finding.subject, other.finding.subject);
  for (const Explains& one : root.fault->explains) {
    if (one.id != other.finding.id) continue;
    if (!here && !one.elsewhere) return nullptr;
    if (one.later_only && other.order != 0 && other.order < root.order) {
      return nullptr;
    }
    return &one;
  }
  return nullptr;
}

void add(Finding& finding, const Consequence& consequence) {
  auto& list = finding.consequences;
  if (std::ranges::find(list, consequence.id, &Consequence::id) == list.end()) {
    list.push_back(consequence);
  }
}

// Moves what merely follows from another finding under that finding.
void list_under_roots(std::vector<Found>& found) {
  for (Found& root : found) {
    if (root.consequence) continue;
    for (Found& other : found) {
      if (&other == &root || other.consequence) continue;
      if (repeats(root, other)) other.consequence = true;
      const Explains* why = explanation(root, other);
      if (why == nullptr) continue;
      other.consequence = true;
      add(root.finding,
          {other.finding.id, why->text.empty()
                                 ? other.finding.title
                                 : fill_in(root.weighed->scene, why->text)});
      for (const Consequence& one : other.finding.consequences) {
        add(root.finding, one);
      }
    }
  }
}

// Among faults the surest comes first, among equally sure ones the root. Among
// warnings what is at stake comes first: being sure of a small matter does not
// make it the first to read.
bool worse(const Found& left, const Found& right) {
  const auto key = [](const Found& one) {
    const int doubt = -static_cast<int>(one.finding.confidence);
    const bool fault = one.finding.severity == Severity::fault;
    return std::tuple(-static_cast<int>(one.finding.severity),
                      fault ? doubt : one.fault->rank,
                      fault ? one.fault->rank : doubt, one.finding.id,
                      one.finding.subject.name);
  };
  return key(left) < key(right);
}

std::string in_words(const std::vector<std::string>& missing) {
  std::set<std::string> seen;
  std::string words;
  for (const std::string& one : missing) {
    if (!seen.insert(one).second) continue;
    if (!words.empty()) words += "; ";
    words += one;
  }
  return words;
}

UnknownCheck unknown_check(const Weighed& weighed, Severity worst,
                           bool anything) {
  const Severity could =
      weighed.open_rule->severity.value_or(weighed.fault->severity);
  UnknownCheck check{weighed.fault->id, in_words(weighed.missing), true};
  check.matters = could != Severity::info && (!anything || could > worst);
  if (weighed.fault->moot &&
      judge(weighed.scene, *weighed.fault->moot).truth == Truth::yes) {
    check.matters = false;
  }
  return check;
}

void count_checks(const std::vector<std::vector<Weighed>>& weighed,
                  Severity worst, Diagnosis& diagnosis) {
  for (const auto& subjects : weighed) {
    const auto held = [](const Weighed& one) { return one.rule != nullptr; };
    const auto open = [](const Weighed& one) {
      return one.open_rule != nullptr;
    };
    if (std::ranges::any_of(subjects, held)) {
      ++diagnosis.checks.failed;
      continue;
    }
    const auto first = std::ranges::find_if(subjects, open);
    if (first == subjects.end()) {
      ++diagnosis.checks.passed;
      continue;
    }
    diagnosis.checks.unknown.push_back(
        unknown_check(*first, worst, !diagnosis.findings.empty()));
  }
}

// A number that even the table does not have: not a pass.
void add_unclaimed_xids(const Catalogue& catalogue, const State& state,
                        Severity worst, Diagnosis& diagnosis) {
  std::string names;
  for (const auto& [signature, word, find] :
       {std::tuple(kAnyXid, "Xid", &find_xid),
        std::tuple(kAnySxid, "SXid", &find_sxid)}) {
    const auto index = catalogue.signature_index.find(signature);
    if (index == catalogue.signature_index.end()) continue;
    const auto seen = state.keyed.find(index->second);
    if (seen == state.keyed.end()) continue;
    for (const auto& [key, line] : seen->second) {
      const auto number = to_number<int>(key);
      if (!number || find(*number) != nullptr) continue;
      names += fmt::format("{}{} {}", names.empty() ? "" : ", ", word, *number);
    }
  }
  if (names.empty()) return;
  diagnosis.checks.unknown.push_back(
      {"xid",
       fmt::format("{} in the log is not in gpuward's table: NVIDIA's Xid "
                   "catalogue may have it",
                   names),
       worst < Severity::fault});
}

std::vector<std::vector<Weighed>> weigh_all(const Catalogue& catalogue,
                                            const State& state,
                                            const std::vector<Gap>& gaps) {
  std::vector<std::vector<Weighed>> all;
  for (const Fault& fault : catalogue.faults) {
    auto weighed = weigh(catalogue, fault, state, gaps);
    if (!weighed.empty()) all.push_back(std::move(weighed));
  }
  return all;
}

// What only a text about faults says is neither found nor passed. Names those
// texts.
std::set<std::string> leave_out_manuals(
    std::vector<std::vector<Weighed>>& weighed, Wall now) {
  std::vector<Finding> findings;
  for (const auto& subjects : weighed) {
    for (const Weighed& one : subjects) {
      if (one.rule != nullptr) findings.push_back(finding_from(one, now));
    }
  }
  const std::set<std::string> manuals = manuals_among(findings);
  if (manuals.empty()) return manuals;
  std::vector<std::vector<Weighed>> kept;
  for (auto& subjects : weighed) {
    std::vector<Weighed> others;
    for (Weighed& one : subjects) {
      if (one.rule == nullptr || !rests_on(manuals, finding_from(one, now))) {
        others.push_back(std::move(one));
      }
    }
    if (!others.empty()) kept.push_back(std::move(others));
  }
  weighed.swap(kept);
  return manuals;
}

void add_manuals(const std::set<std::string>& manuals, Diagnosis& diagnosis) {
  if (manuals.empty()) return;
  std::string names;
  for (const std::string& file : manuals) {
    names += (names.empty() ? "" : ", ") + file;
  }
  diagnosis.checks.unknown.push_back(
      {"log",
       fmt::format("{}: it has the words of many faults and a time at none of "
                   "them, as a text about faults has",
                   names),
       diagnosis.findings.empty()});
}

std::vector<Found> find_all(const std::vector<std::vector<Weighed>>& weighed,
                            Wall now) {
  std::vector<Found> found;
  for (const auto& subjects : weighed) {
    for (const Weighed& one : subjects) {
      if (one.rule == nullptr) continue;
      found.push_back(
          {finding_from(one, now), one.fault, &one, first_line_of(one)});
    }
  }
  std::ranges::sort(found, worse);
  list_under_roots(found);
  return found;
}

}  // namespace

Diagnosis conclude(const Catalogue& catalogue, const State& state,
                   const std::vector<Gap>& gaps, Wall now) {
  auto weighed = weigh_all(catalogue, state, gaps);
  const auto manuals = leave_out_manuals(weighed, now);
  Diagnosis diagnosis;
  Severity worst = Severity::info;
  for (Found& one : find_all(weighed, now)) {
    if (one.consequence) continue;
    worst = std::max(worst, one.finding.severity);
    diagnosis.findings.push_back(std::move(one.finding));
  }
  count_checks(weighed, worst, diagnosis);
  add_manuals(manuals, diagnosis);
  add_unclaimed_xids(catalogue, state, worst, diagnosis);
  return diagnosis;
}

}  // namespace gpuward::diagnosis
