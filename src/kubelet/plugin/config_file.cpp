#include "kubelet/plugin/config_file.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "base/yaml.h"
#include "kubelet/plugin/setting_rows.h"
#include "kubelet/plugin/sharing_file.h"

namespace gpuward::kubelet::plugin {
namespace {

// Go's decoder, by which such files were written, does not mind the case of
// these keys.
const Yaml* find(const Yaml& map, std::string_view key) {
  if (const Yaml* exact = map.find(key)) return exact;
  for (const auto& [name, value] : map.members) {
    if (equal_ignoring_case(name, key)) return &value;
  }
  return nullptr;
}

// The node at "flags.plugin.deviceIDStrategy"; nullptr where there is none, or
// something on the way to it is no map.
const Yaml* find_path(const Yaml& document, std::string_view path) {
  const Yaml* at = &document;
  for (const std::string_view key : split(path, '.')) {
    if (at->kind != Yaml::Kind::map) return nullptr;
    at = find(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at->kind == Yaml::Kind::null ? nullptr : at;
}

bool is_yes_or_no(const Yaml& node) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"true", "false", "yes", "no",
                                              "on", "off"},
      [&](std::string_view word) {
        return equal_ignoring_case(node.scalar, word);
      });
}

std::string as_go_says(const Yaml& node) {
  for (const std::string_view yes : {"true", "yes", "on"}) {
    if (equal_ignoring_case(node.scalar, yes)) return "true";
  }
  return "false";
}

// The texts of a node that fits its row; nothing, and a complaint, else.
std::vector<std::string> texts_of(const Yaml& node, const SettingRow& row,
                                  Complaints& mistakes) {
  using Kind = SettingRow::Kind;
  const bool scalar = node.kind == Yaml::Kind::scalar;
  if (row.kind == Kind::yes_no) {
    if (scalar && !node.quoted && is_yes_or_no(node)) return {as_go_says(node)};
    mistakes.add(node.line, fmt::format("{} must be true or false", row.key));
    return {};
  }
  if (scalar) return {node.scalar};
  std::vector<std::string> out;
  bool right = row.kind == Kind::list && node.kind == Yaml::Kind::list;
  for (const Yaml& item : node.items) {
    right = right && item.kind == Yaml::Kind::scalar;
    out.push_back(item.scalar);
  }
  if (right) return out;
  mistakes.add(node.line,
               fmt::format("{} must be {}", row.key,
                           row.kind == Kind::list ? "a text or a list of texts"
                                                  : "a text"));
  return {};
}

void read_rows(const Yaml& document, const std::string& file,
               Complaints& mistakes, ConfigFile& out) {
  for (const SettingRow& row : setting_rows()) {
    if (row.key.empty()) continue;
    const Yaml* node = find_path(document, row.key);
    if (node == nullptr) continue;
    out.entries[std::string(row.flag)] = {
        texts_of(*node, row, mistakes),
        fmt::format("{}:{}: {}", file, node->line, row.key)};
  }
}

// The last words of the rows' keys that begin with `block`.
std::vector<std::string> keys_of(std::string_view block,
                                 std::vector<std::string> more) {
  for (const SettingRow& row : setting_rows()) {
    const size_t dot = row.key.rfind('.');
    if (dot != std::string_view::npos && row.key.substr(0, dot) == block) {
      more.emplace_back(row.key.substr(dot + 1));
    }
  }
  return more;
}

void check_block(const Yaml& document, std::string_view block,
                 std::vector<std::string> more, Complaints& mistakes,
                 Complaints& warnings) {
  const Yaml* node = find_path(document, block);
  if (node == nullptr) return;
  if (node->kind != Yaml::Kind::map) {
    mistakes.add(node->line,
                 fmt::format("{} must be a map of keys and values", block));
    return;
  }
  warn_of_unknown(*node, block, keys_of(block, std::move(more)), warnings);
}

// What NVIDIA's device plugin passes over as well, or leaves to others.
void warn_of_others(const Yaml& document, Complaints& warnings) {
  const Yaml* resources = find_path(document, "resources");
  if (resources != nullptr && !resources->members.empty()) {
    warnings.add(resources->line,
                 "'resources' is not supported by NVIDIA's device plugin "
                 "either: resources have their usual names");
  }
  for (const char* key : {"flags.gfd", "flags.useNodeFeatureAPI"}) {
    if (const Yaml* node = find_path(document, key)) {
      warnings.add(node->line,
                   fmt::format("{} is for GPU feature discovery, which gpuward "
                               "does not replace: go on running NVIDIA's",
                               key));
    }
  }
}

void check_version(const Yaml& document, Complaints& mistakes) {
  const Yaml* version = find_path(document, "version");
  if (version == nullptr || version->scalar == "v1") return;
  if (version->kind == Yaml::Kind::scalar && version->scalar.empty()) return;
  mistakes.add(version->line,
               fmt::format("unknown version: {}; only v1 is known",
                           printable(version->scalar, 40)));
}

}  // namespace

Result<ConfigFile> read_config(const ConfigText& file) {
  const Yaml document = TRY(parse_yaml(file.text, file.name));
  ConfigFile out;
  if (document.kind == Yaml::Kind::null) return out;
  Complaints mistakes(file.name);
  Complaints warnings(file.name);
  if (document.kind != Yaml::Kind::map) {
    mistakes.add(document.line, "the file must be a map of keys and values");
    return mistakes.error();
  }
  warn_of_unknown(document, "the file",
                  {"version", "flags", "resources", "sharing", "imex"},
                  warnings);
  check_version(document, mistakes);
  check_block(document, "flags", {"plugin", "gfd", "useNodeFeatureAPI"},
              mistakes, warnings);
  check_block(document, "flags.plugin", {}, mistakes, warnings);
  check_block(document, "imex", {}, mistakes, warnings);
  warn_of_others(document, warnings);
  read_rows(document, file.name, mistakes, out);
  out.sharing =
      read_sharing(find_path(document, "sharing"), mistakes, warnings);
  if (!mistakes.empty()) return mistakes.error();
  out.warnings = warnings.lines();
  return out;
}

}  // namespace gpuward::kubelet::plugin
