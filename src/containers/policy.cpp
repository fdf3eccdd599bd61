#include "containers/policy.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "containers/unit_file.h"
#include "host/walk.h"

namespace gpuward::containers {
namespace {

// path-lookup.c of systemd 252, for the system's manager: what stands earlier
// hides what has the same name later.
constexpr std::array<std::string_view, 13> kFolders = {
    "/etc/systemd/system.control", "/run/systemd/system.control",
    "/run/systemd/transient",      "/run/systemd/generator.early",
    "/etc/systemd/system",         "/etc/systemd/system.attached",
    "/run/systemd/system",         "/run/systemd/system.attached",
    "/run/systemd/generator",      "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",     "/lib/systemd/system",
    "/run/systemd/generator.late"};
constexpr std::string_view kSuffix = ".scope";
constexpr size_t kMaxFile = 256 * 1024;
constexpr size_t kMaxDropIns = 512;
constexpr size_t kMaxEntries = 8192;

// File name → path; sorted by name, which is the order of application.
using DropIns = std::map<std::string, std::string>;

// "docker-ab.scope" → "docker-ab.scope.d", "docker-.scope.d"
std::vector<std::string> drop_in_folders(std::string_view unit) {
  std::vector<std::string> names = {std::string(unit) + ".d"};
  std::string_view stem = unit.substr(0, unit.size() - kSuffix.size());
  while (true) {
    if (stem.ends_with('-')) stem.remove_suffix(1);
    const size_t dash = stem.rfind('-');
    if (dash == std::string_view::npos) return names;
    stem = stem.substr(0, dash + 1);
    names.push_back(std::string(stem) + std::string(kSuffix) + ".d");
  }
}

Result<bool> add_drop_ins(const host::Root& root, const std::string& folder,
                          DropIns& drop_ins) {
  const auto names = root.list(folder);
  if (!names && names.error().kind == Error::Kind::not_found) return false;
  if (!names) return std::unexpected(names.error());
  bool any = false;
  for (const std::string& name : *names) {
    if (!name.ends_with(".conf")) continue;
    any = true;
    drop_ins.try_emplace(name, folder + "/" + name);
    if (drop_ins.size() > kMaxDropIns) {
      return fail(Error::Kind::malformed, "too many drop-ins in " + folder);
    }
  }
  return any;
}

struct ScopeFiles {
  std::vector<std::string> paths;  // in the order of application
  bool own = false;                // not only those of its kind
};

Result<ScopeFiles> files_of(const host::Root& root, const std::string& unit) {
  ScopeFiles files;
  DropIns drop_ins;
  for (const std::string_view place : kFolders) {
    const std::string folder = std::string(place) + "/";
    if (files.paths.empty() && root.exists(folder + unit)) {
      files.paths.push_back(folder + unit);
      files.own = true;
    }
    for (const std::string& name : drop_in_folders(unit)) {
      const bool any = TRY(add_drop_ins(root, folder + name, drop_ins));
      if (any && name == unit + ".d") files.own = true;
    }
  }
  for (const std::string_view place : kFolders) {
    TRY(add_drop_ins(root, std::string(place) + "/scope.d", drop_ins));
  }
  for (auto& [name, path] : drop_ins) files.paths.push_back(path);
  return files;
}

// "/dev/nvidia0 rw" → the same; without access it means all three. Nothing
// where systemd would pass over the entry.
std::optional<std::string> entry_of(std::string_view value) {
  const auto parts = words(value);
  if (parts.empty() || parts.size() > 2) return std::nullopt;
  std::string_view what = parts[0];
  if (what.size() > 1 && what.front() == '"' && what.ends_with('"')) {
    what = what.substr(1, what.size() - 2);
  }
  const std::string_view access = parts.size() == 2 ? parts[1] : "rwm";
  if (access.find_first_not_of("rwm") != std::string_view::npos) {
    return std::nullopt;
  }
  if (what.starts_with("char-") || what.starts_with("block-")) {
    return std::string(what) + " " + std::string(access);
  }
  const std::string path = host::normal_path(what);
  const bool is_node =
      what.starts_with('/') && (path.starts_with("/dev/") ||
                                path.starts_with("/run/systemd/inaccessible/"));
  if (!is_node) return std::nullopt;
  return path + " " + std::string(access);
}

bool is_policy(std::string_view value) {
  return value == "auto" || value == "closed" || value == "strict";
}

// Whether the file says anything about devices.
bool apply(const std::string& text, ScopePolicy& policy) {
  bool says = false;
  for (const UnitSetting& setting : parse_unit_file(text)) {
    if (setting.section != "Scope") continue;
    if (setting.key == "DevicePolicy" && is_policy(setting.value)) {
      policy.policy = setting.value;
      says = true;
    }
    if (setting.key != "DeviceAllow") continue;
    says = true;
    if (setting.value.empty()) {
      policy.allow.clear();
    } else if (auto entry = entry_of(setting.value)) {
      policy.allow.push_back(*std::move(entry));
    }
  }
  return says;
}

Result<std::string> read_unit_file(const host::Root& root,
                                   const std::string& path) {
  auto text = root.read(path, kMaxFile + 1);
  // A link to /dev/null masks what has the same name elsewhere.
  if (!text && text.error().kind == Error::Kind::unsupported) return "";
  if (text && text->size() > kMaxFile) {
    return fail(Error::Kind::malformed, path + " is too long for a unit file");
  }
  return text;
}

}  // namespace

Result<ScopePolicy> read_scope_policy(const host::Host& host,
                                      const std::string& unit) {
  if (!unit.ends_with(kSuffix) || unit.size() > 255 ||
      unit.find('/') != std::string::npos) {
    return fail(Error::Kind::malformed,
                "not the name of a scope: " + printable(unit, 100));
  }
  const ScopeFiles files = TRY(files_of(host.evidence, unit));
  if (!files.own) {
    return fail(Error::Kind::not_found, "systemd has no files of " + unit);
  }
  ScopePolicy policy{unit, "auto", {}, {}};
  for (const std::string& path : files.paths) {
    const std::string text = TRY(read_unit_file(host.evidence, path));
    if (apply(text, policy)) policy.files.push_back(path);
    if (policy.allow.size() > kMaxEntries) {
      return fail(Error::Kind::malformed,
                  unit + " has too many entries of DeviceAllow");
    }
  }
  return policy;
}

}  // namespace gpuward::containers
