#include "evidence/runtime_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "base/toml.h"
#include "evidence/command_flags.h"
#include "evidence/kubelet_config.h"
#include "evidence/unit_files.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "runtime-config";
constexpr std::string_view kSystemd = "systemd";
constexpr std::string_view kCgroupfs = "cgroupfs";
constexpr std::string_view kDockerOption = "native.cgroupdriver";

bool is_installed(const host::Root& root, std::string_view program,
                  std::string_view unit) {
  constexpr std::array<std::string_view, 4> kFolders = {
      "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"};
  const bool has_program =
      std::ranges::any_of(kFolders, [&](std::string_view folder) {
        return root.exists(fmt::format("{}/{}", folder, program));
      });
  return has_program || !read_unit(root, unit).texts.empty();
}

CgroupDriver unknown(std::string runtime, std::string why,
                     std::string file = {}) {
  return {std::move(runtime), {}, {}, std::move(why), std::move(file), {}};
}

// As written, where it is one of the two.
CgroupDriver known(std::string runtime, std::string_view value,
                   std::string file, std::vector<std::string> key) {
  CgroupDriver out{std::move(runtime), {},
                   std::string(value), {},
                   std::move(file),    std::move(key)};
  if (value != kSystemd && value != kCgroupfs) {
    out.why = fmt::format("\"{}\" is no cgroup driver", printable(value, 100));
    out.driver.clear();
  }
  return out;
}

constexpr std::string_view kV2 = "/sys/fs/cgroup/cgroup.controllers";
constexpr std::string_view kV1 = "/sys/fs/cgroup/devices";

// dockerd: systemd on cgroup v2 where systemd runs, else cgroupfs (20.10 and
// later; before it there was no cgroup v2).
CgroupDriver docker_default(const host::Root& root) {
  if (root.exists(kV2) || root.exists(kV1)) {
    return known("docker", docker_prefers_systemd(root) ? kSystemd : kCgroupfs,
                 {}, {});
  }
  return unknown("docker",
                 "nothing sets it, and the default depends on the version of "
                 "cgroup, which is not known");
}

struct DockerUnit {
  std::string config{kDockerConfig};
  std::optional<CgroupDriver> flag;
  std::optional<std::string> exec_opt_file;
};

DockerUnit read_docker_unit(const host::Root& root) {
  DockerUnit out;
  const UnitFiles unit = read_unit(root, "docker.service");
  for (const std::string& command : exec_starts(unit.texts)) {
    for (const std::string& path : flag_values(command, "--config-file")) {
      out.config = path;
    }
    for (const std::string& option : flag_values(command, "--exec-opt")) {
      out.exec_opt_file = unit.file;
      const size_t equals = option.find('=');
      if (option.substr(0, equals) != kDockerOption || out.flag) continue;
      out.flag =
          known("docker", option.substr(equals + 1), unit.file, {"--exec-opt"});
    }
  }
  return out;
}

// The first entry counts (dockerd stops at it).
std::optional<std::string> exec_option(const Json& config) {
  for (const Json& option : config["exec-opts"].as_array()) {
    const std::string_view text = option.as_string();
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    if (trim(text.substr(0, equals)) == kDockerOption) {
      return std::string(trim(text.substr(equals + 1)));
    }
  }
  return std::nullopt;
}

// `section.key` of the last file that has it; nothing where none does.
struct Last {
  std::optional<CgroupDriver> driver;
  std::optional<CgroupDriver> broken;  // a file that cannot be read
};

Last last_in_toml(const ConfigFiles& files,
                  const std::vector<std::string>& paths,
                  const std::string& runtime,
                  const std::vector<std::string>& key) {
  Last out;
  for (const std::string& path : paths) {
    const auto text = files.read(path);
    if (!text && text.error().kind == Error::Kind::not_found) continue;
    const auto config =
        text ? parse_toml(*text) : Result<Json>(std::unexpected(text.error()));
    if (!config) {
      out.broken = unknown(runtime, path + ": " + config.error().text, path);
      continue;
    }
    const Json* at = &*config;
    for (const std::string& part : key) at = &(*at)[part];
    if (at->is_null()) continue;
    out.driver = known(runtime, at->as_string(), path, key);
  }
  return out;
}

}  // namespace

std::string in_words(const CgroupDriver& driver) {
  std::string name = driver.runtime;
  if (!driver.handler.empty()) name += fmt::format(" ({})", driver.handler);
  if (driver.driver.empty()) {
    return fmt::format("{}: cgroup driver not known: {}", name, driver.why);
  }
  const std::string where =
      driver.file.empty() || driver.key.empty()
          ? "its default"
          : fmt::format("{} in {}", driver.key.back(), driver.file);
  return fmt::format("{} uses the {} cgroup driver ({})", name, driver.driver,
                     where);
}

bool docker_prefers_systemd(const host::Root& root) {
  return root.exists(kV2) && root.exists("/run/systemd/system");
}

std::vector<CgroupDriver> read_docker_driver(const ConfigFiles& files) {
  const host::Root& root = files.root();
  if (!is_installed(root, "dockerd", "docker.service")) return {};
  DockerUnit unit = read_docker_unit(root);
  if (unit.flag) return {std::move(*unit.flag)};
  const auto text = files.read(unit.config);
  if (!text && text.error().kind != Error::Kind::not_found) {
    return {unknown("docker", text.error().text, unit.config)};
  }
  // dockerd takes an empty file for none.
  if (!text || trim(*text).empty()) return {docker_default(root)};
  const auto config = Json::parse(*text);
  if (!config || !config->is_object()) {
    const std::string why = config ? "not an object" : config.error().text;
    return {unknown("docker", unit.config + ": " + why, unit.config)};
  }
  if (const auto value = exec_option(*config)) {
    return {known("docker", *value, unit.config, {"exec-opts"})};
  }
  return {docker_default(root)};
}

std::string docker_config_file(const host::Root& root) {
  return read_docker_unit(root).config;
}

std::optional<std::string> docker_exec_opt_file(const host::Root& root) {
  return read_docker_unit(root).exec_opt_file;
}

std::optional<bool> docker_live_restore(const ConfigFiles& files) {
  const UnitFiles unit = read_unit(files.root(), "docker.service");
  for (const std::string& command : exec_starts(unit.texts)) {
    if (command.find("--live-restore") != std::string::npos) {
      return command.find("--live-restore=false") == std::string::npos;
    }
  }
  const auto text = files.read(read_docker_unit(files.root()).config);
  if (!text && text.error().kind == Error::Kind::not_found) return false;
  if (!text) return std::nullopt;
  if (trim(*text).empty()) return false;
  const auto config = Json::parse(*text);
  if (!config) return std::nullopt;
  return (*config)["live-restore"].as_bool(false);
}

std::vector<CgroupDriver> read_crio_driver(const ConfigFiles& files) {
  if (!is_installed(files.root(), "crio", "crio.service")) return {};
  const UnitFiles unit = read_unit(files.root(), "crio.service");
  for (const std::string& command : exec_starts(unit.texts)) {
    const auto values = flag_values(command, "--cgroup-manager");
    if (values.empty()) continue;
    return {known("cri-o", values.back(), unit.file, {"--cgroup-manager"})};
  }
  // All files of the folder count, whatever their names end in.
  std::vector<std::string> paths = {std::string(kCrioConfig)};
  std::ranges::copy(files.files_of(std::string(kCrioDropIns)),
                    std::back_inserter(paths));
  Last last = last_in_toml(files, paths, "cri-o",
                           {"crio", "runtime", "cgroup_manager"});
  if (last.broken) return {std::move(*last.broken)};
  if (last.driver) return {std::move(*last.driver)};
  return {known("cri-o", kSystemd, {}, {})};
}

std::vector<CgroupDriver> read_podman_driver(const ConfigFiles& files) {
  const host::Root& root = files.root();
  if (!is_installed(root, "podman", "podman.service")) return {};
  std::vector<std::string> paths = {"/usr/share/containers/containers.conf",
                                    "/etc/containers/containers.conf"};
  std::ranges::copy(files.matching("/etc/containers/containers.conf.d/*.conf"),
                    std::back_inserter(paths));
  Last last =
      last_in_toml(files, paths, "podman", {"engine", "cgroup_manager"});
  if (last.broken) return {std::move(*last.broken)};
  if (last.driver) return {std::move(*last.driver)};
  // containers.conf(5): systemd where it is the init.
  const bool systemd = root.exists("/run/systemd/system");
  return {known("podman", systemd ? kSystemd : kCgroupfs, {}, {})};
}

std::vector<CgroupDriver> read_cgroup_drivers(const ConfigFiles& files) {
  std::vector<CgroupDriver> out;
  for (const auto read : {read_docker_driver, read_containerd_drivers,
                          read_crio_driver, read_podman_driver}) {
    std::ranges::move(read(files), std::back_inserter(out));
  }
  return out;
}

namespace {

// One fact for the node: systemd if any runtime uses it.
void add_drivers(Collected& out, const std::vector<CgroupDriver>& drivers) {
  const CgroupDriver* worst = nullptr;
  std::string text;
  for (const CgroupDriver& each : drivers) {
    if (each.driver.empty()) {
      out.gaps.push_back({std::string(kSource), in_words(each)});
      continue;
    }
    text += (text.empty() ? "" : "; ") + in_words(each);
    if (worst == nullptr || each.driver == kSystemd) {
      if (worst == nullptr || worst->driver != kSystemd) worst = &each;
    }
  }
  if (worst == nullptr) return;
  // With one not known, "cgroupfs" would be a guess about all of them.
  if (worst->driver != kSystemd && !out.gaps.empty()) return;
  out.evidence.push_back(node_fact(kSource, fact::kCgroupDriver, worst->driver,
                                   text, worst->file));
}

void add_setting(Collected& out, std::string_view key,
                 const KubeletSetting& setting, std::string_view what) {
  if (setting.value.empty()) {
    out.gaps.push_back(
        {std::string(kSource),
         fmt::format("kubelet: {} not known: {}", what, setting.why)});
    return;
  }
  const std::string where =
      setting.file.empty() ? "its default"
                           : fmt::format("{} in {}", setting.key, setting.file);
  out.evidence.push_back(
      node_fact(kSource, key, setting.value,
                fmt::format("kubelet: {} {} ({})", what, setting.value, where),
                setting.file));
}

}  // namespace

Collected collect_runtime_config(const host::Host& host) {
  Collected out;
  const ConfigFiles files(host.evidence);
  add_drivers(out, read_cgroup_drivers(files));
  const KubeletConfig kubelet = read_kubelet_config(files);
  if (!kubelet.present) return out;
  add_setting(out, fact::kKubeletCgroupDriver, kubelet.cgroup_driver,
              "cgroup driver");
  add_setting(out, fact::kCpuManager, kubelet.cpu_manager,
              "CPU manager policy");
  return out;
}

}  // namespace gpuward::evidence
