// gpuward explain: what does it mean?
#include "diagnosis/explain.h"

#include <fmt/core.h>

#include "cli/options.h"
#include "cli/screen.h"

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

void print(const Screen& screen, const Explanation& explanation) {
  screen.print(screen.paint(explanation.title, Colour::bold) + "\n");
  for (const std::string& paragraph : explanation.paragraphs) {
    screen.print("\n" + paragraph + "\n");
  }
  if (!explanation.remedies.empty())
    screen.print("\nWhat to do, mildest first:\n");
  for (const Remedy& remedy : explanation.remedies) {
    screen.print("  - " + remedy.text + "\n");
  }
  if (!explanation.faults.empty() && explanation.kind != "fault") {
    screen.print("\nSee: gpuward explain " + join(explanation.faults) + "\n");
  }
  if (!explanation.sources.empty()) screen.print("\nSources:\n");
  for (const std::string& source : explanation.sources) {
    screen.print("  - " + source + "\n");
  }
}

}  // namespace

int explain(const ExplainOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) {
    complain(catalogue.error().text);
    return kUnknown;
  }
  const auto explanation = gpuward::explain(*catalogue, join(options.words));
  const Screen screen;
  if (options.common.json) {
    screen.print(to_json(explanation).dump(2) + "\n");
  } else {
    print(screen, explanation);
  }
  return is_empty(explanation) ? kWarning : kHealthy;
}

}  // namespace gpuward::cli
