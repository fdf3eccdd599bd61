// gpuward explain: what does it mean?
#include "diagnosis/explain.h"

#include <fmt/core.h>

#include "base/text.h"
#include "cli/knowledge.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "logs/extract.h"

namespace gpuward::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

// A line that tells of no fault may tell a fact that diagnosis uses.
void add_facts(const std::string& line, diagnosis::Explanation& explanation) {
  const matching::PatternSet patterns = logs::Extractor::patterns();
  logs::Extractor extractor(patterns);
  extractor.line(line, "", 0);
  for (const Evidence& fact : extractor.facts()) {
    const std::string what =
        fmt::format("{} = {}", fact.key, printable(to_text(fact.value), 200));
    if (explanation.kind == "nothing") {
      explanation.kind = "fact";
      explanation.paragraphs.assign(1, "No fault.");
    }
    explanation.paragraphs.push_back(
        fmt::format("It tells doctor a fact about the machine: {}.", what));
  }
}

void print(const Screen& screen, const diagnosis::Explanation& explanation) {
  screen.print_wrapped(
      explanation.title,
      {.hang = 2, .lead = explanation.title, .colour = Colour::bold});
  for (const std::string& paragraph : explanation.paragraphs) {
    screen.print("\n");
    for (const std::string_view line : split(paragraph, '\n')) {
      screen.print_wrapped(line, {});
    }
  }
  if (!explanation.remedies.empty())
    screen.print("\nWhat to do, mildest first:\n");
  for (const Remedy& remedy : explanation.remedies) {
    screen.print_wrapped("- " + remedy.text, {.indent = 2, .hang = 4});
  }
  if (!explanation.faults.empty() && explanation.kind != "fault") {
    screen.print("\n");
    screen.print_wrapped("See: gpuward explain " + join(explanation.faults),
                         {.hang = 2});
  }
  if (!explanation.sources.empty()) screen.print("\nSources:\n");
  for (const std::string& source : explanation.sources) {
    screen.print_wrapped("- " + source, {.indent = 2, .hang = 4});
  }
}

}  // namespace

int explain(const ExplainOptions& options) {
  const auto knowledge = load_knowledge();
  if (!knowledge) {
    complain(knowledge.error().text);
    return kUnknown;
  }
  complain_of_left_out(*knowledge);
  const std::string words = join(options.words);
  auto explanation = diagnosis::explain(knowledge->catalogue, words);
  const bool of_line = explanation.kind == "nothing" ||
                       explanation.kind == "line" ||
                       explanation.kind == "harmless";
  if (of_line) add_facts(words, explanation);
  const Screen screen;
  if (options.common.json) {
    screen.print_raw(to_json(explanation).dump(2) + "\n");
  } else {
    print(screen, explanation);
  }
  return diagnosis::is_empty(explanation) ? kWarning : kHealthy;
}

}  // namespace gpuward::cli
