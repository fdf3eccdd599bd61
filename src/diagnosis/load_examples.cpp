#include <fmt/core.h>

#include <algorithm>

#include "diagnosis/fact_key.h"
#include "diagnosis/load_fault.h"

namespace gpuward::diagnosis {
namespace {

constexpr std::string_view kGives[] = {"certain", "likely", "possible",
                                       "nothing", "unknown"};

Evidence given(std::string key, const std::string& value, Subject subject) {
  Evidence evidence;
  evidence.source = "example";
  evidence.key = std::move(key);
  evidence.value = value;
  evidence.subject = std::move(subject);
  return evidence;
}

// `key: value` for the node, or `key: {0000:3b:00.0: value}` for GPUs, or, for
// the keys of containers, `key: {tv: value}`.
void read_facts(const Yaml* facts, Example& example, Complaints& complaints) {
  if (facts == nullptr) return;
  for (const auto& [key, value] : facts->members) {
    check_fact_key(key, value.line, complaints);
    if (value.kind == Yaml::Kind::scalar) {
      check_fact_value(key, value.scalar, value.line, complaints);
      example.facts.push_back(given(key, value.scalar, {}));
      continue;
    }
    if (value.kind != Yaml::Kind::map) {
      complaints.add(value.line,
                     "a fact is a value, or a map of GPUs or containers");
    }
    const auto kind = key.starts_with("container") ? Subject::Kind::container
                                                   : Subject::Kind::gpu;
    for (const auto& [name, one] : value.members) {
      check_fact_value(key, one.scalar, one.line, complaints);
      example.facts.push_back(given(key, one.scalar, {kind, name}));
    }
  }
}

Example read_example(const Yaml& node, Complaints& complaints) {
  Section section(node, "an example", complaints);
  Example example;
  example.line = node.line;
  example.name = section.required_text("name");
  example.text = section.text("text").value_or("");
  example.source = section.text("source").value_or("log");
  example.gives = section.required_text("gives");
  example.first = section.text("first").value_or("");
  example.also = section.texts("also");
  example.severity = section.text("severity").value_or("");
  example.title = section.text("title").value_or("");
  for (const std::string& source : section.texts("gaps")) {
    example.gaps.push_back({source, "not readable"});
  }
  read_facts(section.node("facts"), example, complaints);
  section.finish();
  if (std::ranges::find(kGives, example.gives) == std::end(kGives)) {
    complaints.add(section.line_of("gives"),
                   fmt::format("'gives' must be certain, likely, possible, "
                               "nothing or unknown, not '{}'",
                               example.gives));
  }
  return example;
}

}  // namespace

std::vector<Example> read_examples(const Yaml* list, int line,
                                   Complaints& complaints) {
  std::vector<Example> examples;
  int positive = 0;
  int negative = 0;
  if (list != nullptr) {
    for (const Yaml& node : list->items) {
      examples.push_back(read_example(node, complaints));
      const std::string& gives = examples.back().gives;
      if (gives == "nothing") ++negative;
      if (gives != "nothing" && gives != "unknown") ++positive;
    }
  }
  if (positive == 0 || negative == 0) {
    complaints.add(
        list == nullptr ? line : list->line,
        fmt::format("a fault needs a positive and a negative one of "
                    "'examples': {} is missing",
                    positive == 0 ? "the positive" : "the negative"));
  }
  return examples;
}

}  // namespace gpuward::diagnosis
