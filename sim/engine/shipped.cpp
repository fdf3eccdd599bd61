#include <fmt/core.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "base/yaml.h"
#include "sim/engine/embedded_scenarios.h"
#include "sim/engine/scenario.h"

namespace gpuward::simulator {
namespace {

constexpr std::string_view kEnding = ".yaml";

std::string_view without_ending(std::string_view name) {
  return name.substr(0, name.size() - kEnding.size());
}

Result<Scenario> load_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(Error::Kind::not_found, "cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return parse_scenario(text.str(), path);
}

}  // namespace

std::vector<ScenarioName> scenario_names() {
  std::vector<ScenarioName> out;
  for (const EmbeddedFile& file : embedded_scenarios()) {
    ScenarioName name{std::string(without_ending(file.name)), {}};
    const auto document = parse_yaml(file.text, file.name);
    if (document) {
      const Yaml* description = document->find("description");
      if (description != nullptr) name.description = description->scalar;
    }
    out.push_back(std::move(name));
  }
  return out;
}

Result<Scenario> load_scenario(const std::string& name) {
  if (name.ends_with(kEnding) || name.ends_with(".yml")) return load_file(name);
  std::vector<std::string> known;
  for (const EmbeddedFile& file : embedded_scenarios()) {
    if (without_ending(file.name) == name) {
      return parse_scenario(file.text, file.name);
    }
    known.emplace_back(without_ending(file.name));
  }
  std::string text = fmt::format("there is no scenario '{}'", name);
  if (const auto guess = nearest(name, known)) {
    text += fmt::format("; did you mean '{}'?", *guess);
  }
  return fail(Error::Kind::not_found,
              text + " (`gpuward sim list` shows them; a file ends in .yaml)");
}

}  // namespace gpuward::simulator
