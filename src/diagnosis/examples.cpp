#include "diagnosis/examples.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "diagnosis/weigh.h"

namespace gpuward::diagnosis {
namespace {

State fold_example(const Catalogue& catalogue, const Example& example) {
  State state;
  for (const Evidence& fact : example.facts) fold(catalogue, state, fact);
  int64_t number = 0;
  for (const std::string_view text : split(example.text, '\n')) {
    if (trim(text).empty()) continue;
    Evidence line;
    line.source = example.source;
    line.text = std::string(text);
    line.line = ++number;
    fold(catalogue, state, line);
  }
  return state;
}

bool is_told_so(const Finding& finding, const Example& example) {
  return (example.severity.empty() ||
          name_of(finding.severity) == example.severity) &&
         finding.title.find(example.title) != std::string::npos;
}

std::string outcome(const Catalogue& catalogue, const Fault& fault,
                    const State& state, const Example& example) {
  std::string best = "nothing";
  for (const Weighed& one : weigh(catalogue, fault, state, example.gaps)) {
    if (one.rule != nullptr) {
      const Finding finding = finding_from(one, Wall{});
      if (is_told_so(finding, example))
        return std::string(name_of(finding.confidence));
      return fmt::format("{}: {}", name_of(finding.severity), finding.title);
    }
    if (one.open_rule != nullptr) best = "unknown";
  }
  return best;
}

ExampleResult::Kind kind_of(const Example& example) {
  if (example.gives == "nothing") return ExampleResult::Kind::negative;
  if (example.gives == "unknown") return ExampleResult::Kind::unknown;
  return ExampleResult::Kind::positive;
}

// The entry itself, where it should not be found, makes the example wrong: that
// is not counted twice.
bool names(const Fault& fault, const Example& example, const std::string& id) {
  return id == fault.id || id == example.first ||
         std::ranges::find(example.also, id) != example.also.end();
}

ExampleResult run(const Catalogue& catalogue, const Fault& fault,
                  const Example& example) {
  ExampleResult result;
  result.fault = fault.id;
  result.example = example.name;
  result.file = fault.file;
  result.line = example.line;
  result.kind = kind_of(example);
  result.look_alike =
      example.first != fault.id && catalogue.find(example.first) != nullptr;
  const State state = fold_example(catalogue, example);
  result.got = outcome(catalogue, fault, state, example);
  result.right = result.got == example.gives;
  const auto diagnosis = conclude(catalogue, state, example.gaps, Wall{});
  for (const Finding& finding : diagnosis.findings) {
    const bool told =
        finding.severity == Severity::info || names(fault, example, finding.id);
    if (!told) result.false_alarms.push_back(finding.id);
  }
  if (!result.right || example.first.empty()) return result;
  const std::string first =
      diagnosis.findings.empty() ? "nothing" : diagnosis.findings.front().id;
  result.right = first == example.first;
  if (!result.right) result.got = fmt::format("first finding: {}", first);
  return result;
}

}  // namespace

std::vector<ExampleResult> run_examples(const Catalogue& catalogue) {
  std::vector<ExampleResult> results;
  for (const Fault& fault : catalogue.faults) {
    for (const Example& example : fault.examples) {
      results.push_back(run(catalogue, fault, example));
    }
  }
  return results;
}

}  // namespace gpuward::diagnosis
