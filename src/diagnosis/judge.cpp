#include "diagnosis/judge.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::diagnosis {
namespace {

std::string join_words(const std::vector<std::string>& parts,
                       std::string_view between) {
  std::string all;
  for (const std::string& part : parts) {
    if (!all.empty()) all += between;
    all += part;
  }
  return all;
}

// "570" of 570.158.01, in the names of packages.
std::string branch_word(const Scene& scene) {
  for (const Evidence* fact : facts_for(scene, fact::kDriver)) {
    const std::string driver = to_text(fact->value);
    const std::string branch = driver.substr(0, driver.find('.'));
    if (to_number<int>(branch)) return branch;
  }
  return "BRANCH";
}

std::optional<std::string> range_word(const Scene& scene,
                                      std::string_view word) {
  if (word == "branch") return branch_word(scene);
  if (word == "fixes") return fixes_in_words(scene.fault.drivers);
  if (word != "range") return std::nullopt;
  for (const Evidence* fact : facts_for(scene, fact::kDriver)) {
    if (const auto version = parse_version(to_text(fact->value))) {
      return range_in_words(scene.fault.drivers, *version);
    }
  }
  return std::nullopt;
}

// A capture of the lines that the rule rests on, else of any hit of the fault's
// own signatures.
std::optional<std::string> captured(const Scene& scene, std::string_view word) {
  for (const auto& [name, value] : scene.captures) {
    if (name == word) return printable(value, 200);
  }
  for (const auto& [index, by_gpu] : scene.state.hits) {
    if (scene.catalogue.signatures[index].fault != scene.fault.id) continue;
    for (const auto& [gpu, hits] : by_gpu) {
      if (!concerns(scene, gpu)) continue;
      for (const auto& [name, value] : hits.first.captures) {
        if (name == word) return printable(value, 200);
      }
    }
  }
  return std::nullopt;
}

std::string short_value(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    return fmt::format("{:.1f}", *number);
  }
  return printable(to_text(value), 300);
}

// "until 66.5": the days of uptime that are left until then.
std::optional<std::string> days_left(const Scene& scene,
                                     std::string_view word) {
  if (!word.starts_with("until ")) return std::nullopt;
  const auto limit = to_double(word.substr(6));
  for (const Evidence* fact : facts_for(scene, fact::kUptimeDays)) {
    const auto days = to_double(to_text(fact->value));
    if (limit && days)
      return fmt::format("{:.1f}", std::max(0.0, *limit - *days));
  }
  return std::nullopt;
}

std::string value_of_word(const Scene& scene, std::string_view word) {
  if (auto words = range_word(scene, word)) return *words;
  if (auto words = days_left(scene, word)) return *words;
  for (const Evidence* fact : facts_for(scene, word)) {
    return short_value(fact->value);
  }
  if (auto words = captured(scene, word)) return *words;
  return fmt::format("(unknown {})", word);
}

}  // namespace

std::string_view name_of(Truth truth) {
  switch (truth) {
    case Truth::no:
      return "not held";
    case Truth::unknown:
      return "unknown";
    case Truth::yes:
      return "held";
  }
  return "";
}

bool concerns(const Scene& scene, std::string_view gpu) {
  return scene.fault.subject != Subject::Kind::gpu || scene.name.empty() ||
         gpu == scene.name;
}

std::vector<const Evidence*> facts_for(const Scene& scene,
                                       std::string_view key) {
  std::vector<const Evidence*> own, node, all;
  const auto found = scene.state.facts.find(key);
  if (found == scene.state.facts.end()) return all;
  const Subject::Kind kind = scene.fault.subject;
  for (const auto& [subject, evidence] : found->second) {
    // What is true of one container is no fact about a nameless one.
    const bool another = kind == Subject::Kind::container &&
                         subject.kind == kind && !scene.of_anyone;
    if (!another) all.push_back(&evidence);
    if (subject.kind == Subject::Kind::node) node.push_back(&evidence);
    if (subject.kind == kind && subject.name == scene.name &&
        kind != Subject::Kind::node) {
      own.push_back(&evidence);
    }
  }
  if (!own.empty()) return own;
  if (!node.empty()) return node;
  return scene.name.empty() || kind == Subject::Kind::container ? all : own;
}

bool names_no_address(std::string_view gpu) {
  return gpu.empty() || gpu.starts_with("GPU");
}

std::string fact_in_words(const Evidence& fact) {
  if (!fact.text.empty()) return fact.text;
  return fmt::format("{}: {}", fact.key, to_text(fact.value));
}

std::string fill_in(const Scene& scene, std::string_view text) {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t open = text.find('{', at);
    const size_t close = text.find('}', open);
    if (close == std::string_view::npos) break;
    out += text.substr(at, open - at);
    out += value_of_word(scene, text.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  out += text.substr(std::min(at, text.size()));
  return out;
}

Judged judge(const Scene& scene, const Condition& condition) {
  const auto kinds = matchers();
  const auto kind =
      std::ranges::find(kinds, condition.matcher, &MatcherKind::name);
  if (kind == kinds.end()) return {};
  Judged judged = kind->judge(scene, condition);
  if (judged.words.empty()) {
    judged.words = fmt::format("{}: {}", condition.matcher,
                               join_words(condition.keys, ", "));
  }
  return judged;
}

}  // namespace gpuward::diagnosis
