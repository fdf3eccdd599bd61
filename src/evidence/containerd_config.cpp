#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "base/toml.h"
#include "evidence/command_flags.h"
#include "evidence/runtime_config.h"
#include "evidence/unit_files.h"

namespace gpuward::evidence {
namespace {

constexpr size_t kMaxFiles = 100;
constexpr const char* kRuntime = "containerd";
// In versions 1, 2 and 3 of the format.
constexpr std::string_view kCriNames[] = {"cri", "io.containerd.grpc.v1.cri",
                                          "io.containerd.cri.v1.runtime"};

struct Loaded {
  std::string path;
  Json config;
};

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::vector<std::string> imports_of(const ConfigFiles& files,
                                    const Loaded& loaded) {
  std::vector<std::string> out;
  for (const Json& item : loaded.config["imports"].as_array()) {
    std::string path(item.as_string());
    if (path.empty()) continue;
    if (!path.starts_with('/')) path = folder_of(loaded.path) + "/" + path;
    if (path.find('*') == std::string::npos) {
      out.push_back(std::move(path));
    } else {
      std::ranges::move(files.matching(path), std::back_inserter(out));
    }
  }
  return out;
}

// What --config of its unit says, else the usual place.
std::string main_file(const host::Root& root) {
  std::string out(kContainerdConfig);
  const UnitFiles unit = read_unit(root, "containerd.service");
  for (const std::string& command : exec_starts(unit.texts)) {
    for (const char* flag : {"--config", "-c"}) {
      for (std::string& path : flag_values(command, flag)) {
        out = std::move(path);
      }
    }
  }
  return out;
}

// In containerd's order: the main file, its imports, then theirs.
Result<std::vector<Loaded>> load_all(const ConfigFiles& files) {
  std::vector<Loaded> out;
  std::set<std::string> seen;
  std::deque<std::string> pending = {main_file(files.root())};
  while (!pending.empty()) {
    const std::string path = pending.front();
    pending.pop_front();
    if (!seen.insert(path).second) continue;
    if (seen.size() > kMaxFiles) {
      return fail(Error::Kind::unsupported, "over 100 imported files");
    }
    auto text = files.read(path);
    if (!text) {
      const bool no_config =
          text.error().kind == Error::Kind::not_found && out.empty();
      if (no_config) return out;
      return wrap(std::move(text).error(), path);
    }
    auto config = parse_toml(*text);
    if (!config) return wrap(std::move(config).error(), path);
    out.push_back({path, std::move(*config)});
    std::ranges::move(imports_of(files, out.back()),
                      std::back_inserter(pending));
  }
  return out;
}

bool is_cri(std::string_view plugin) {
  return std::ranges::find(kCriNames, plugin) != std::end(kCriNames);
}

bool cri_is_off(const std::vector<Loaded>& all) {
  return std::ranges::any_of(all, [](const Loaded& loaded) {
    return std::ranges::any_of(
        loaded.config["disabled_plugins"].as_array(),
        [](const Json& plugin) { return is_cri(plugin.as_string()); });
  });
}

// A later file's section of a plugin takes the place of an earlier one's
// (containerd 1.x, 2.0), or is merged into it (later): where the two give
// different answers, there is none.
struct Candidate {
  CgroupDriver last;         // of the last file with the section
  bool says_so = false;      // that file has the key
  std::string systemd_file;  // an earlier file that says systemd
};

void take(Candidate& at, const Json& value, const std::string& path,
          std::vector<std::string> key) {
  if (at.says_so && at.last.driver == "systemd") {
    at.systemd_file = at.last.file;
  }
  at.says_so = value.is_bool();
  at.last.file = at.says_so ? path : "";
  at.last.key = at.says_so ? std::move(key) : std::vector<std::string>{};
  at.last.driver = value.as_bool(false) ? "systemd" : "cgroupfs";
}

bool is_runc(const std::string& name, const Json& runtime) {
  const std::string_view type = runtime["runtime_type"].as_string();
  if (type.empty()) return name == "runc" || runtime["options"].is_object();
  return type.starts_with("io.containerd.runc.") ||
         type == "io.containerd.runtime.v1.linux";
}

using Candidates = std::map<std::string, Candidate>;

void take_section(Candidates& found, const Loaded& loaded,
                  const std::string& plugin, const Json& section) {
  // The key of version 1: for all of its runtimes at once.
  const Json& all = section["systemd_cgroup"];
  if (all.is_bool() && (all.as_bool() || found.contains(""))) {
    take(found[""], all, loaded.path, {"plugins", plugin, "systemd_cgroup"});
  }
  const Json& runtimes = section["containerd"]["runtimes"];
  std::set<std::string> names;
  for (const auto& [name, runtime] : runtimes.as_object()) {
    if (is_runc(name, runtime)) names.insert(name);
  }
  names.insert("runc");  // is there without being named
  for (const auto& [name, candidate] : found) {
    if (!name.empty()) names.insert(name);
  }
  for (const std::string& name : names) {
    take(found[name], runtimes[name]["options"]["SystemdCgroup"], loaded.path,
         {"plugins", plugin, "containerd", "runtimes", name, "options",
          "SystemdCgroup"});
  }
}

CgroupDriver settle(const std::string& name, Candidate candidate) {
  CgroupDriver out = std::move(candidate.last);
  out.runtime = kRuntime;
  out.handler = name;
  if (!candidate.says_so && !candidate.systemd_file.empty()) {
    out.driver.clear();
    out.file = candidate.systemd_file;
    out.why = candidate.systemd_file +
              " says systemd, and an imported file has a section of the same "
              "plugin without SystemdCgroup: whether that replaces the first "
              "one differs between versions of containerd";
  }
  return out;
}

}  // namespace

std::vector<CgroupDriver> read_containerd_drivers(const ConfigFiles& files) {
  const host::Root& root = files.root();
  const bool installed = root.exists("/usr/bin/containerd") ||
                         root.exists("/usr/local/bin/containerd") ||
                         !read_unit(root, "containerd.service").texts.empty();
  if (!installed) return {};
  const auto all = load_all(files);
  if (!all) {
    return {{kRuntime, {}, {}, all.error().text, main_file(root), {}}};
  }
  if (cri_is_off(*all)) return {};
  Candidates found;
  for (const Loaded& loaded : *all) {
    for (const auto& [plugin, section] : loaded.config["plugins"].as_object()) {
      if (is_cri(plugin)) take_section(found, loaded, plugin, section);
    }
  }
  if (found.empty()) found["runc"].last.driver = "cgroupfs";
  std::vector<CgroupDriver> out;
  for (auto& [name, candidate] : found) {
    out.push_back(settle(name, std::move(candidate)));
  }
  return out;
}

}  // namespace gpuward::evidence
