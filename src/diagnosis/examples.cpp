#include "diagnosis/examples.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "diagnosis/weigh.h"

namespace gpuward {
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

ExampleResult run(const Catalogue& catalogue, const Fault& fault,
                  const Example& example) {
  ExampleResult result;
  result.fault = fault.id;
  result.example = example.name;
  result.positive = example.gives != "nothing" && example.gives != "unknown";
  const State state = fold_example(catalogue, example);
  result.got = outcome(catalogue, fault, state, example);
  result.right = result.got == example.gives;
  if (!result.right || example.first.empty()) return result;
  const auto diagnosis = conclude(catalogue, state, example.gaps, Wall{});
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

}  // namespace gpuward
