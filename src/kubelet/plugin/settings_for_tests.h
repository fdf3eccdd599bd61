// Settings as they come of flags, variables and a file "c.yaml", for the tests
// of this folder.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet::plugin {

using Variables = std::map<std::string, std::string, std::less<>>;

inline Environment with_variables(Variables variables) {
  return [variables = std::move(variables)](
             std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

struct Case {
  GivenFlags flags;
  Variables variables;
  std::optional<std::string> file;
};

inline Result<LoadedSettings> load(Case given) {
  std::optional<ConfigText> file;
  if (given.file) file = ConfigText{"c.yaml", *given.file};
  return load_settings(given.flags, with_variables(given.variables), file);
}

inline Settings settings_of(Case given) {
  auto loaded = load(std::move(given));
  EXPECT_TRUE(loaded.has_value()) << loaded.error().text;
  return loaded ? loaded->settings : Settings{};
}

inline std::string error_of(Case given) {
  const auto loaded = load(std::move(given));
  return loaded ? "" : loaded.error().text;
}

inline std::string file_error(std::string text) {
  return error_of({.file = std::move(text)});
}

inline std::vector<std::string> file_warnings(std::string text) {
  auto loaded = load({.file = std::move(text)});
  EXPECT_TRUE(loaded.has_value()) << loaded.error().text;
  return loaded ? loaded->warnings : std::vector<std::string>();
}

}  // namespace gpuward::kubelet::plugin
