// The named matcher kinds: how each is read from YAML and judged. A rule that
// wants an `if` gets a row here; no language grows in YAML.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/judge.h"
#include "diagnosis/matcher_reading.h"
#include "model/facts.h"

namespace gpuward {
namespace {

using Names = std::vector<std::string>;

// ---- what is shared by several kinds

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

// Which sources would hold what `hint` prints; a gap in one of them leaves
// open whether the line was there.
const Gap* gap_for(const Scene& scene, std::string_view hint) {
  const auto concerns = [&](const Gap& gap) {
    const std::string_view source = gap.source;
    if (source == "log") return true;
    if (hint == "kernel") {
      return source == "kernel-log" || source == "journal" || source == "kmsg";
    }
    if (hint == "kubelet") return source == "kubelet-log";
    return source == hint;
  };
  const auto found = std::ranges::find_if(scene.gaps, concerns);
  return found == scene.gaps.end() ? nullptr : &*found;
}

// The source that a fact comes from on a live machine.
std::string_view source_of_fact(std::string_view key) {
  constexpr std::pair<std::string_view, std::string_view> kSources[] = {
      {"probe", "probe"},
      {"nvml", "probe"},
      {"mig", "probe"},
      {"persistence", "probe"},
      {"pci_", "pci"},
      {"library", "library"},
      {"module", "modules"},
      {"hung_", "tasks"},
      {"driver", "driver"},
      {"uptime", "boot"},
      {"container_", "containers"},
      {"dev_char_links", "dev-char-links"},
  };
  for (const auto& [prefix, source] : kSources) {
    if (key.starts_with(prefix)) return source;
  }
  return key;
}

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

std::vector<const Hits*> hits_of(const Scene& scene, size_t signature) {
  std::vector<const Hits*> found;
  const auto by_gpu = scene.state.hits.find(signature);
  if (by_gpu == scene.state.hits.end()) return found;
  for (const auto& [gpu, hits] : by_gpu->second) {
    if (concerns(scene, gpu)) found.push_back(&hits);
  }
  return found;
}

std::string names_of(const Scene& scene, const Condition& condition) {
  std::string words;
  for (const size_t index : condition.signatures) {
    if (!words.empty()) words += " or ";
    words += scene.catalogue.signatures[index].name;
  }
  return words;
}

Evidence line_of(const Hits& hits) {
  Evidence line = hits.first.line;
  if (hits.count > 1) {
    line.text += fmt::format("  ({} times)", hits.count);
  }
  return line;
}

void add_captures(Judged& judged, const Sample& sample) {
  judged.captures.insert(judged.captures.end(), sample.captures.begin(),
                         sample.captures.end());
}

// The earliest hit of any of the signatures, for the scene's subject.
const Sample* first_of(const Scene& scene, size_t signature) {
  const Sample* first = nullptr;
  for (const Hits* hits : hits_of(scene, signature)) {
    if (first == nullptr || hits->first.order < first->order) {
      first = &hits->first;
    }
  }
  return first;
}

// Time decides where both lines have one of the same kind, else the order in
// which they were read.
bool before(const Sample& left, const Sample& right) {
  if (left.uptime && right.uptime && *left.uptime != *right.uptime) {
    return *left.uptime < *right.uptime;
  }
  if (left.line.when && right.line.when &&
      *left.line.when != *right.line.when) {
    return *left.line.when < *right.line.when;
  }
  return left.order < right.order;
}

// ---- all, any, not

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

// ---- lines

Judged judge_seen(const Scene& scene, const Condition& condition) {
  const auto least = static_cast<int64_t>(condition.at_least.value_or(1));
  Judged judged = answer(Truth::no, "seen: " + names_of(scene, condition));
  int64_t total = 0;
  for (const size_t index : condition.signatures) {
    for (const Hits* hits : hits_of(scene, index)) {
      total += hits->count;
      judged.evidence.push_back(line_of(*hits));
      add_captures(judged, hits->first);
    }
  }
  if (total >= least) {
    judged.truth = Truth::yes;
    judged.support = true;
    return judged;
  }
  judged.evidence.clear();
  judged.captures.clear();
  for (const size_t index : condition.signatures) {
    const std::string& hint = scene.catalogue.signatures[index].source;
    const Gap* gap = gap_for(scene, hint);
    if (gap == nullptr) continue;
    return not_known(fmt::format("{}: {}", gap->source, gap->why), true,
                     judged.words);
  }
  return judged;
}

Judged judge_not_seen(const Scene& scene, const Condition& condition) {
  Judged judged = judge_seen(scene, condition);
  judged.words = "not seen: " + names_of(scene, condition);
  judged.support = false;
  judged.evidence.clear();
  judged.captures.clear();
  if (judged.truth != Truth::unknown) {
    judged.truth = judged.truth == Truth::yes ? Truth::no : Truth::yes;
  }
  return judged;
}

// For conditions on a first hit that is not there: no, or not known.
Judged judge_absent(const Scene& scene, const Condition& condition) {
  Condition only = condition;
  only.signatures.resize(1);
  only.at_least.reset();
  return judge_seen(scene, only);
}

// signatures[0] came first, before any of the others (which need not be there).
Judged judge_starts_before(const Scene& scene, const Condition& condition) {
  const std::string words = "first: " + names_of(scene, condition);
  const Sample* first = first_of(scene, condition.signatures.front());
  if (first == nullptr) return judge_absent(scene, condition);
  for (size_t i = 1; i < condition.signatures.size(); ++i) {
    const Sample* other = first_of(scene, condition.signatures[i]);
    if (other != nullptr && before(*other, *first)) {
      return answer(Truth::no, words);
    }
  }
  return answer(Truth::yes, words);
}

// Seconds of uptime when `sample` was printed: by its stamp; else from the
// fact, taken back by the time between the two where both have one.
std::optional<double> uptime_at(const Scene& scene, const Sample& sample) {
  if (sample.uptime) return sample.uptime;
  for (const Evidence* fact : facts_for(scene, fact::kUptimeDays)) {
    const auto days = to_double(to_text(fact->value));
    if (!days) continue;
    double seconds = *days * 86400;
    if (fact->when && sample.line.when) {
      seconds -= std::chrono::duration<double>(*fact->when - *sample.line.when)
                     .count();
    }
    return seconds;
  }
  return std::nullopt;
}

Judged judge_starts_at_uptime(const Scene& scene, const Condition& condition) {
  std::string words = "uptime at the first " + names_of(scene, condition);
  const Sample* first = first_of(scene, condition.signatures.front());
  if (first == nullptr) return judge_absent(scene, condition);
  const auto seconds = uptime_at(scene, *first);
  if (!seconds) {
    return fact_not_known(scene, std::string(fact::kUptimeDays), words);
  }
  const double days = *seconds / 86400;
  const bool held = days >= condition.at_least.value_or(0) &&
                    days <= condition.at_most.value_or(1e9);
  Judged judged = answer(held ? Truth::yes : Truth::no, std::move(words));
  judged.support = held;
  if (held) {
    Evidence evidence;
    evidence.source = "uptime";
    evidence.text = fmt::format(
        "the first such line came {:.1f} days after "
        "the start",
        days);
    judged.evidence.push_back(std::move(evidence));
  }
  return judged;
}

// A call (signatures[0]) whose answer (the others, same `key`) never came.
Judged judge_unanswered(const Scene& scene, const Condition& condition) {
  Judged judged =
      answer(Truth::no, "unanswered: " + names_of(scene, condition));
  const auto calls = scene.state.keyed.find(condition.signatures.front());
  if (calls == scene.state.keyed.end()) {
    const Signature& call =
        scene.catalogue.signatures[condition.signatures.front()];
    const Gap* gap = gap_for(scene, call.source);
    if (gap == nullptr) return judged;
    return not_known(fmt::format("{}: {}", gap->source, gap->why), true,
                     std::move(judged.words));
  }
  for (const auto& [key, call] : calls->second) {
    const Subject& about = call.line.subject;
    if (about.kind == Subject::Kind::gpu && !concerns(scene, about.name)) {
      continue;
    }
    bool answered = false;
    for (size_t i = 1; i < condition.signatures.size(); ++i) {
      const auto answers = scene.state.keyed.find(condition.signatures[i]);
      const auto& by_gpu = scene.state.hits.find(condition.signatures[i]);
      if (answers != scene.state.keyed.end()) {
        const auto same = answers->second.find(key);
        answered = answered || (same != answers->second.end() &&
                                before(call, same->second));
      } else if (by_gpu != scene.state.hits.end()) {
        for (const auto& [gpu, hits] : by_gpu->second) {
          answered = answered || before(call, hits.last);
        }
      }
    }
    if (answered) continue;
    judged.truth = Truth::yes;
    judged.support = true;
    judged.evidence.push_back(call.line);
    add_captures(judged, call);
    if (judged.evidence.size() >= State::kSamples) break;
  }
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

// ---- facts

// These values of `probe` say that there was no answer at all.
bool says_nothing(std::string_view key, std::string_view value) {
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

Judged judge_fact(const Scene& scene, const Condition& condition) {
  const std::string& key = condition.keys.front();
  const std::string words = "fact: " + key;
  const auto facts = facts_for(scene, key);
  if (facts.empty()) return fact_not_known(scene, key, words);
  Judged judged = answer(Truth::no, words);
  for (const Evidence* fact : facts) {
    const std::string value = to_text(fact->value);
    if (says_nothing(key, value) && condition.values != Names{value}) {
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
    {"read", "a source", read_source, judge_read},
    {"fact", "{key, is|one-of|glob|at-least|at-most}", read_fact, judge_fact},
    {"own-fact", "{key, is|one-of|glob|at-least|at-most}", read_fact,
     judge_own_fact},
    {"differs", "two facts", read_pair, judge_differs},
    {"less", "two facts that are numbers", read_less, judge_differs},
    {"driver", "affected or fixed", read_driver, judge_driver},
};

}  // namespace

std::span<const MatcherKind> matchers() { return kMatchers; }

}  // namespace gpuward
