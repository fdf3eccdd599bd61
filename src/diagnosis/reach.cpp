#include "diagnosis/reach.h"

#include <algorithm>

namespace gpuward::diagnosis {
namespace {

enum class Place { live, logs };

struct Question {
  const Catalogue& catalogue;
  std::span<const std::string_view> in_text;
  Place place;
};

// What programs of users print is in nobody's log that is read live.
bool has_lines(const Question& question, const Condition& condition) {
  if (condition.signatures.empty() || question.place == Place::logs) {
    return true;
  }
  return std::ranges::any_of(condition.signatures, [&](size_t index) {
    return question.catalogue.signatures[index].source != "app";
  });
}

bool has_facts(const Question& question, const Condition& condition) {
  if (condition.matcher == "several") return true;  // words of lines
  return question.place == Place::live ||
         std::ranges::all_of(condition.keys, [&](const std::string& key) {
           return std::ranges::find(question.in_text, key) !=
                  question.in_text.end();
         });
}

bool could_hold(const Question& question, const Condition& condition) {
  const std::string& kind = condition.matcher;
  if (kind == "not" || kind == "unless" || kind == "not-seen") return true;
  const auto holds = [&](const Condition& part) {
    return could_hold(question, part);
  };
  if (kind == "any") return std::ranges::any_of(condition.parts, holds);
  if (kind == "all") return std::ranges::all_of(condition.parts, holds);
  return has_lines(question, condition) && has_facts(question, condition);
}

}  // namespace

Reach reach_of(const Catalogue& catalogue, const Fault& fault,
               std::span<const std::string_view> in_text) {
  const auto at = [&](Place place) {
    const Question question{catalogue, in_text, place};
    return std::ranges::any_of(fault.rules, [&](const Rule& rule) {
      return could_hold(question, rule.when);
    });
  };
  return {at(Place::live), at(Place::logs)};
}

std::string_view in_words(Reach reach) {
  if (reach.live && reach.logs) return "live, logs";
  if (reach.live) return "live";
  return reach.logs ? "logs" : "";
}

}  // namespace gpuward::diagnosis
