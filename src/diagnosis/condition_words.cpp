#include "diagnosis/condition_words.h"

#include <fmt/core.h>

#include <algorithm>

namespace gpuward::diagnosis {
namespace {

using Words = std::string (*)(const Catalogue&, const Condition&);

std::string join(const std::vector<std::string>& parts,
                 std::string_view between) {
  std::string all;
  for (const std::string& part : parts) {
    if (!all.empty()) all += between;
    all += part;
  }
  return all;
}

// "a or b", of the signatures from `first` on.
std::string names(const Catalogue& catalogue, const Condition& condition,
                  size_t first = 0) {
  std::vector<std::string> all;
  for (size_t i = first; i < condition.signatures.size(); ++i) {
    all.push_back(catalogue.signatures[condition.signatures[i]].name);
  }
  return join(all, " or ");
}

std::string first_name(const Catalogue& catalogue, const Condition& condition) {
  return catalogue.signatures[condition.signatures.front()].name;
}

std::string number(double value) { return fmt::format("{:g}", value); }

std::string of_seen(const Catalogue& catalogue, const Condition& condition) {
  const double least = condition.at_least.value_or(1);
  const std::string which = names(catalogue, condition);
  if (least > 1) return fmt::format("{} lines {}", number(least), which);
  return "a line " + which;
}

std::string of_not_seen(const Catalogue& catalogue,
                        const Condition& condition) {
  return "no line " + names(catalogue, condition);
}

std::string of_order(const Catalogue& catalogue, const Condition& condition) {
  return fmt::format("the first {} came before any {}",
                     first_name(catalogue, condition),
                     names(catalogue, condition, 1));
}

std::string of_uptime(const Catalogue& catalogue, const Condition& condition) {
  std::string words =
      fmt::format("the first {} came after", first_name(catalogue, condition));
  if (condition.at_least) {
    words += fmt::format(" at least {}", number(*condition.at_least));
  }
  if (condition.at_most) {
    words += fmt::format("{} at most {}", condition.at_least ? " and" : "",
                         number(*condition.at_most));
  }
  return words + " days of uptime";
}

std::string of_unanswered(const Catalogue& catalogue,
                          const Condition& condition) {
  return fmt::format("a line {} that no {} answered",
                     first_name(catalogue, condition),
                     names(catalogue, condition, 1));
}

std::string of_many(const Catalogue& catalogue, const Condition& condition) {
  return fmt::format("{} on {} GPUs or more within {} s",
                     names(catalogue, condition),
                     number(condition.at_least.value_or(3)),
                     number(condition.at_most.value_or(600)));
}

std::string of_several(const Catalogue& catalogue, const Condition& condition) {
  return fmt::format("{} with {} different '{}' at the same '{}'",
                     names(catalogue, condition),
                     number(condition.at_least.value_or(2)),
                     condition.keys.at(0), condition.keys.at(1));
}

std::string of_read(const Catalogue&, const Condition& condition) {
  return join(condition.values, " or ") + " was there to be read";
}

std::string of_fact(const Catalogue&, const Condition& condition) {
  std::vector<std::string> wanted;
  if (!condition.values.empty()) {
    wanted.push_back("is " + join(condition.values, " or "));
  }
  if (condition.globs == std::vector<std::string>{"*"}) {
    wanted.emplace_back("is known");
  } else if (!condition.globs.empty()) {
    wanted.push_back("is like " + join(condition.globs, " or "));
  }
  if (condition.at_least) {
    wanted.push_back("is at least " + number(*condition.at_least));
  }
  if (condition.at_most) {
    wanted.push_back("is at most " + number(*condition.at_most));
  }
  return condition.keys.front() + " " + join(wanted, " and ");
}

std::string of_own_fact(const Catalogue& catalogue,
                        const Condition& condition) {
  return of_fact(catalogue, condition) + ", of the GPU itself";
}

std::string of_pair(const Catalogue&, const Condition& condition) {
  return condition.less ? fmt::format("{} is less than {}", condition.keys[0],
                                      condition.keys[1])
                        : fmt::format("{} and {} are not the same",
                                      condition.keys[0], condition.keys[1]);
}

std::string of_other_than(const Catalogue& catalogue,
                          const Condition& condition) {
  return fmt::format("{} names another {} than there is, each time",
                     catalogue.signatures[condition.signatures.front()].name,
                     condition.keys[0]);
}

std::string of_driver(const Catalogue&, const Condition& condition) {
  return condition.values.front() == "affected"
             ? "the driver is one that has this fault"
             : "the driver is one that has the fix";
}

constexpr std::pair<std::string_view, Words> kWords[] = {
    {"seen", of_seen},
    {"not-seen", of_not_seen},
    {"starts-before", of_order},
    {"starts-at-uptime", of_uptime},
    {"unanswered", of_unanswered},
    {"on-many", of_many},
    {"several", of_several},
    {"other-than", of_other_than},
    {"read", of_read},
    {"fact", of_fact},
    {"own-fact", of_own_fact},
    {"differs", of_pair},
    {"less", of_pair},
    {"driver", of_driver},
};

}  // namespace

std::string in_words(const Catalogue& catalogue, const Condition& condition) {
  for (const auto& [matcher, words] : kWords) {
    if (matcher == condition.matcher) return words(catalogue, condition);
  }
  if (condition.matcher == "all") return "all of";
  if (condition.matcher == "any") return "one of";
  return condition.matcher;
}

}  // namespace gpuward::diagnosis
