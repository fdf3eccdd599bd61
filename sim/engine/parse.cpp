// The scenario format. Parts that are lists of maps are read by the files named
// parse_*.cpp.
#include "sim/engine/parse.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "base/yaml.h"
#include "sim/engine/units.h"

namespace gpuward::simulator {

std::optional<Millis> read_duration(Section& section, std::string_view key) {
  const auto text = section.text(key);
  if (!text) return std::nullopt;
  const auto value = parse_duration(*text);
  if (value) return *value;
  section.complain(section.line_of(key),
                   fmt::format("{}: {}", key, value.error().text));
  return std::nullopt;
}

const std::vector<Yaml>& read_list(Section& section, std::string_view key) {
  static const std::vector<Yaml> kNone;
  const Yaml* found = section.node(key);
  if (found == nullptr) return kNone;
  if (found->kind == Yaml::Kind::list) return found->items;
  section.complain(found->line, fmt::format("'{}' must be a list", key));
  return kNone;
}

std::vector<std::pair<std::string, std::string>> read_texts(
    Section& section, std::string_view key) {
  std::vector<std::pair<std::string, std::string>> out;
  const Yaml* found = section.node(key);
  if (found == nullptr) return out;
  if (found->kind != Yaml::Kind::map) {
    section.complain(found->line,
                     fmt::format("'{}' must map names to texts", key));
    return out;
  }
  for (const auto& [name, value] : found->members) {
    if (value.kind == Yaml::Kind::scalar) {
      out.emplace_back(name, value.scalar);
    } else {
      section.complain(value.line, fmt::format("'{}' must be text", name));
    }
  }
  return out;
}

namespace {

// "12.8" → 12080, as NVML gives it.
int read_cuda(Section& section) {
  const std::string text = section.text("cuda").value_or("12.8");
  const auto parts = split(text, '.');
  const auto major = to_number<int>(parts[0]);
  const auto minor =
      parts.size() == 2 ? to_number<int>(parts[1]) : std::nullopt;
  if (major && minor) return *major * 1000 + *minor * 10;
  section.complain(section.line_of("cuda"),
                   fmt::format("'cuda' must be like 12.8, not '{}'", text));
  return 0;
}

void read_module(Section& section, Scenario& out) {
  const std::string module = section.text("module").value_or("open");
  out.loaded = module != "none";
  out.open_module = module == "open";
  if (module != "open" && module != "proprietary" && module != "none") {
    section.complain(
        section.line_of("module"),
        fmt::format("'module' must be open, proprietary or none, not '{}'",
                    module));
  }
}

void check_version(Section& section, std::string_view key,
                   const std::string& version) {
  const auto parts = split(version, '.');
  const bool good = parts.size() >= 2 && parts.size() <= 3 &&
                    std::ranges::all_of(parts, [](std::string_view part) {
                      return to_number<int>(part).has_value();
                    });
  if (good || (version.empty() && key == "driver")) return;
  section.complain(section.line_of(key),
                   fmt::format("'{}' must be a driver version like 570.158.01, "
                               "not '{}'",
                               key, version));
}

void read_machine(Section& section, Scenario& out) {
  out.description = section.required_text("description");
  out.driver = section.required_text("driver");
  out.library = section.text("library").value_or(out.driver);
  check_version(section, "driver", out.driver);
  if (section.has("library")) check_version(section, "library", out.library);
  read_module(section, out);
  out.cuda_version = read_cuda(section);
  out.kernel = section.text("kernel").value_or("5.15.0-1078-nvidia");
  out.os = section.text("os").value_or("Ubuntu 22.04.5 LTS");
  out.hostname = section.text("hostname").value_or("gpu-node-7");
  out.uptime = read_duration(section, "uptime").value_or(5h + 2min);
  if (out.uptime <= 0ms) {
    section.complain(section.line_of("uptime"), "'uptime' must be above zero");
  }
}

void read_persistenced(Section& section, Complaints& complaints,
                       Scenario& out) {
  const Yaml* found = section.node("persistenced");
  if (found == nullptr) return;
  Section part(*found, "persistenced", complaints);
  out.persistenced.installed = true;
  out.persistenced.running = part.flag("running").value_or(true);
  out.persistenced.pid = static_cast<int>(part.integer("pid").value_or(1312));
  out.persistenced.flags = part.texts("flags");
  out.persistenced.drop_ins = read_texts(part, "drop_ins");
  part.finish();
}

bool is_clean_path(std::string_view path) {
  return path.starts_with('/') && path.find("/../") == std::string_view::npos &&
         !path.ends_with("/..") && !path.ends_with('/');
}

void read_files(Section& section, Scenario& out) {
  for (auto& [path, text] : read_texts(section, "files")) {
    if (is_clean_path(path)) {
      out.files.emplace_back(std::move(path), std::move(text));
    } else {
      section.complain(section.line_of("files"),
                       fmt::format("'{}' must be an absolute path", path));
    }
  }
}

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, std::string_view file) {
  const Yaml document = TRY(parse_yaml(text, file));
  Complaints complaints{std::string(file)};
  Scenario out;
  Section section(document, "a scenario", complaints);
  if (!complaints.empty()) return complaints.error();
  read_machine(section, out);
  read_gpus(section, complaints, out);
  read_timeline(section, complaints, out);
  read_kernel_log(section, complaints, out);
  read_tasks(section, complaints, out);
  read_persistenced(section, complaints, out);
  read_files(section, out);
  section.finish();
  if (!complaints.empty()) return complaints.error();
  return out;
}

}  // namespace gpuward::simulator
