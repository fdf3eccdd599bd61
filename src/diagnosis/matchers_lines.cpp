// Matcher kinds that ask for lines.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "diagnosis/matcher_kinds.h"
#include "model/facts.h"

namespace gpuward::diagnosis {
namespace {

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

// Each text as it stands in the log, with how often; and how many others there
// were.
void add_lines(Judged& judged, const Hits& hits) {
  int64_t others = hits.count;
  for (const Hits::Same& same : hits.texts) {
    Evidence line = same.first.line;
    line.times = same.times;
    others -= same.times;
    judged.evidence.push_back(std::move(line));
  }
  if (others <= 0) return;
  Evidence more;
  more.source = hits.first.line.source;
  more.subject = hits.first.line.subject;
  more.text = others == 1 ? "1 more line like these"
                          : fmt::format("{} more lines like these", others);
  judged.evidence.push_back(std::move(more));
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

// How far apart two lines are by the clock.
std::optional<double> clock_between(const Sample& left, const Sample& right) {
  if (!left.line.when || !right.line.when) return std::nullopt;
  return std::chrono::duration<double>(*right.line.when - *left.line.when)
      .count();
}

// How far apart two lines are, where both have a time of the same kind. The
// kernel's stamps are finer than the clock's, and begin anew with each boot:
// where the two do not agree, the lines are of different boots.
std::optional<double> seconds_between(const Sample& left, const Sample& right) {
  constexpr double kSameBoot = 60;
  const auto by_clock = clock_between(left, right);
  if (!left.uptime || !right.uptime) return by_clock;
  const double by_stamp = *right.uptime - *left.uptime;
  const bool other_boot =
      by_clock && std::abs(*by_clock - by_stamp) > kSameBoot;
  return other_boot ? by_clock : by_stamp;
}

// Time decides where both lines have one of the same kind, else the order in
// which they were read.
bool before(const Sample& left, const Sample& right) {
  const double apart = seconds_between(left, right).value_or(0);
  return apart != 0 ? apart > 0 : left.order < right.order;
}

// For conditions on a first hit that is not there: no, or not known.
Judged judge_absent(const Scene& scene, const Condition& condition) {
  Condition only = condition;
  only.signatures.resize(1);
  only.at_least.reset();
  return judge_seen(scene, only);
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

// The first hit of each GPU, of any of the signatures, in order of time.
std::vector<const Sample*> first_of_each_gpu(const Scene& scene,
                                             const Condition& condition) {
  std::map<std::string, const Sample*> firsts;
  for (const size_t index : condition.signatures) {
    const auto by_gpu = scene.state.hits.find(index);
    if (by_gpu == scene.state.hits.end()) continue;
    for (const auto& [gpu, hits] : by_gpu->second) {
      if (names_no_address(gpu)) continue;
      const auto [at, added] = firsts.emplace(gpu, &hits.first);
      if (!added && before(hits.first, *at->second)) at->second = &hits.first;
    }
  }
  std::vector<const Sample*> ordered;
  for (const auto& [gpu, sample] : firsts) ordered.push_back(sample);
  std::ranges::sort(ordered, [](const Sample* left, const Sample* right) {
    return before(*left, *right);
  });
  return ordered;
}

// Not so many, unless a source that was not readable would have held more.
Judged judge_too_few(const Scene& scene, const Condition& condition,
                     Judged judged) {
  for (const size_t index : condition.signatures) {
    const std::string& hint = scene.catalogue.signatures[index].source;
    const Gap* gap = gap_for(scene, hint);
    if (gap == nullptr) continue;
    return not_known(fmt::format("{}: {}", gap->source, gap->why), true,
                     std::move(judged.words));
  }
  return judged;
}

std::string capture_of(const Sample& sample, std::string_view name) {
  for (const auto& [key, value] : sample.captures) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

Judged judge_seen(const Scene& scene, const Condition& condition) {
  const auto least = static_cast<int64_t>(condition.at_least.value_or(1));
  Judged judged = answer(Truth::no, "seen: " + names_of(scene, condition));
  int64_t total = 0;
  for (const size_t index : condition.signatures) {
    for (const Hits* hits : hits_of(scene, index)) {
      total += hits->count;
      add_lines(judged, *hits);
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

// Many GPUs at once: what they have in common is to blame, not each of them.
// Hits without a time count as simultaneous.
Judged judge_on_many(const Scene& scene, const Condition& condition) {
  Judged judged = answer(Truth::no, "on many: " + names_of(scene, condition));
  const auto firsts = first_of_each_gpu(scene, condition);
  const auto least = static_cast<size_t>(condition.at_least.value_or(3));
  const double within = condition.at_most.value_or(600);
  size_t most = 0;
  size_t from = 0;
  for (size_t i = 0; i < firsts.size(); ++i) {
    size_t count = 0;
    for (size_t j = i; j < firsts.size(); ++j) {
      count += seconds_between(*firsts[i], *firsts[j]).value_or(0) <= within;
    }
    if (count > most) {
      most = count;
      from = i;
    }
  }
  if (most < least) return judge_too_few(scene, condition, std::move(judged));
  judged.truth = Truth::yes;
  judged.support = true;
  for (size_t j = from; j < from + most; ++j) {
    if (judged.evidence.size() < 2 * State::kSamples) {
      judged.evidence.push_back(firsts[j]->line);
    }
    add_captures(judged, *firsts[j]);
  }
  judged.captures.emplace_back("many", fmt::format("{}", most));
  return judged;
}

// Lines that share one capture (`same`) and differ in another (`of`): one unit
// of a GPU that fails for several programs. The signature's `key` must tell
// all of them apart.
Judged judge_several(const Scene& scene, const Condition& condition) {
  Judged judged = answer(Truth::no, "several: " + names_of(scene, condition));
  const std::string& of = condition.keys.at(0);
  const std::string& same = condition.keys.at(1);
  const auto least = static_cast<size_t>(condition.at_least.value_or(2));
  std::map<std::string, std::map<std::string, const Sample*>> groups;
  for (const size_t index : condition.signatures) {
    const auto found = scene.state.keyed.find(index);
    if (found == scene.state.keyed.end()) continue;
    for (const auto& [key, sample] : found->second) {
      if (!concerns(scene, sample.line.subject.name)) continue;
      const std::string differs = capture_of(sample, of);
      if (differs.empty()) continue;
      groups[sample.line.subject.name + '\n' + capture_of(sample, same)]
          .emplace(differs, &sample);
    }
  }
  for (const auto& [group, samples] : groups) {
    if (samples.size() < least) continue;
    judged.truth = Truth::yes;
    judged.support = true;
    for (const auto& [differs, sample] : samples) {
      if (judged.evidence.size() >= State::kSamples) break;
      judged.evidence.push_back(sample->line);
      add_captures(judged, *sample);
    }
    break;
  }
  return judged;
}

// Lines whose `key` names something else than the fact, each of them: a module
// that is there for every kernel but the one that runs.
Judged judge_other_than(const Scene& scene, const Condition& condition) {
  const std::string words = "other than: " + names_of(scene, condition);
  const auto lines = scene.state.keyed.find(condition.signatures.front());
  if (lines == scene.state.keyed.end()) return judge_absent(scene, condition);
  const auto facts = facts_for(scene, condition.keys.front());
  if (facts.empty()) {
    return fact_not_known(scene, condition.keys.front(), words);
  }
  Judged judged = answer(Truth::yes, words);
  judged.support = true;
  for (const auto& [key, sample] : lines->second) {
    for (const Evidence* fact : facts) {
      if (to_text(fact->value) == key) return answer(Truth::no, words);
    }
    if (judged.evidence.size() >= State::kSamples) continue;
    judged.evidence.push_back(sample.line);
    add_captures(judged, sample);
  }
  judged.evidence.push_back(*facts.front());
  judged.evidence.back().text = fact_in_words(*facts.front());
  return judged;
}

}  // namespace gpuward::diagnosis
