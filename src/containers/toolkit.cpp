#include "containers/toolkit.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "base/toml.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kConfigFile =
    "/etc/nvidia-container-runtime/config.toml";
constexpr std::string_view kMountFolder = "/var/run/nvidia-container-devices/";
constexpr size_t kMostNames = 1024;

VisibleDevices parse_names(std::string_view text) {
  VisibleDevices out;
  for (const std::string_view word : split(text, ',')) {
    const std::string_view name = trim(word);
    if (!name.empty() && out.names.size() < kMostNames) {
      out.names.emplace_back(name);
    }
  }
  if (out.names.empty() || out.names[0] == "void") return {};
  out.what = VisibleDevices::What::some;
  if (out.names[0] == "none") out.what = VisibleDevices::What::control_only;
  if (out.names[0] == "all") out.what = VisibleDevices::What::all;
  if (out.what != VisibleDevices::What::some) out.names.clear();
  return out;
}

// Anybody who writes a container's description sets its environment.
bool reads_environment(const OciSpec& spec, const ToolkitConfig& config) {
  return config.accepts_environment || spec.may_administer;
}

// Images of CUDA older than the toolkit's own variables: all is meant.
bool is_old_image(const OciSpec& spec) {
  return !spec.variable("CUDA_VERSION").value_or("").empty() &&
         spec.variable("NVIDIA_REQUIRE_CUDA").value_or("").empty();
}

// A volume /dev/null:/var/run/nvidia-container-devices/UUID, which only who
// may mount from the host can have asked for.
VisibleDevices visible_by_mounts(const OciSpec& spec) {
  std::string names;
  for (const OciSpec::Mount& mount : spec.mounts) {
    if (mount.source != "/dev/null") continue;
    if (!mount.destination.starts_with(kMountFolder)) continue;
    names += mount.destination.substr(kMountFolder.size()) + ",";
  }
  return parse_names(names);
}

struct Capabilities {
  bool compute = false, display = false;
};

Capabilities capabilities_of(const OciSpec& spec) {
  const auto text = spec.variable("NVIDIA_DRIVER_CAPABILITIES");
  if (!text && is_old_image(spec)) return {true, true};
  // The default is "utility,compute".
  if (!text || trim(*text).empty()) return {true, false};
  Capabilities out;
  for (const std::string_view word : split(*text, ',')) {
    const std::string_view name = trim(word);
    if (name == "all") return {true, true};
    out.compute = out.compute || name == "compute";
    out.display = out.display || name == "display";
  }
  return out;
}

void add_control_nodes(LegacyNodes& out, const OciSpec& spec,
                       const HostNodes& host) {
  const Capabilities wanted = capabilities_of(spec);
  std::vector<std::string_view> paths = {"/dev/nvidiactl"};
  if (wanted.compute) {
    paths.insert(paths.end(), {"/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"});
  }
  if (wanted.display) paths.emplace_back("/dev/nvidia-modeset");
  for (const std::string_view path : paths) {
    if (const HostNode* node = host.find(path)) out.nodes.push_back(*node);
  }
}

// The hook reads this variable by the same rule as the other one
// (getImexChannels).
void add_imex_channels(LegacyNodes& out, const OciSpec& spec,
                       const ToolkitConfig& config, const HostNodes& host) {
  const auto text = spec.variable("NVIDIA_IMEX_CHANNELS");
  if (!text || config.ignores_imex_requests ||
      !reads_environment(spec, config)) {
    return;
  }
  for (const std::string_view word : split(*text, ',')) {
    if (trim(word).empty()) continue;
    const HostNode* node = host.find(
        fmt::format("/dev/nvidia-caps-imex-channels/channel{}", trim(word)));
    if (node != nullptr) {
      out.nodes.push_back(*node);
    } else if (out.unresolved.size() < kMostNames) {
      out.unresolved.push_back(fmt::format(
          "IMEX channel {}: the host has no such node", printable(word, 40)));
    }
  }
}

void add_gpus(LegacyNodes& out, const VisibleDevices& visible,
              const HostNodes& host, bool may_guess) {
  if (visible.what == VisibleDevices::What::all) {
    const auto nodes = host.gpu_nodes();
    out.nodes.insert(out.nodes.end(), nodes.begin(), nodes.end());
    if (nodes.empty()) {
      out.unresolved.emplace_back("all GPUs: the host has no /dev/nvidiaN");
    }
    return;
  }
  for (const std::string& name : visible.names) {
    const auto gpu = find_gpu(host, name, may_guess);
    const std::string shown = printable(name, 100);
    if (!gpu) {
      out.unresolved.push_back(
          fmt::format("GPU {}: {}", shown, gpu.error().text));
      continue;
    }
    out.nodes.push_back(gpu->node);
    if (gpu->is_mig) {
      out.unresolved.push_back(fmt::format(
          "{}: which nodes under /dev/nvidia-caps its instance has is known "
          "to the driver alone",
          shown));
    }
  }
}

}  // namespace

Result<ToolkitConfig> read_toolkit_config(const host::Root& root) {
  ToolkitConfig out;
  const auto text = root.read(kConfigFile);
  if (!text && text.error().kind == Error::Kind::not_found) return out;
  if (!text) return std::unexpected(text.error());
  auto parsed = parse_toml(*text);
  if (!parsed) return wrap(std::move(parsed).error(), kConfigFile);
  const Json& json = *parsed;
  out.file = kConfigFile;
  out.accepts_environment =
      json["accept-nvidia-visible-devices-envvar-when-unprivileged"].as_bool(
          true);
  out.accepts_mounts =
      json["accept-nvidia-visible-devices-as-volume-mounts"].as_bool(false);
  out.no_cgroups = json["nvidia-container-cli"]["no-cgroups"].as_bool(false);
  out.ignores_imex_requests =
      json["features"]["ignore-imex-channel-requests"].as_bool(false);
  out.mode = json["nvidia-container-runtime"]["mode"].as_string("auto");
  return out;
}

VisibleDevices visible_by_environment(const OciSpec& spec) {
  const auto text = spec.variable("NVIDIA_VISIBLE_DEVICES");
  if (text) return parse_names(*text);
  return is_old_image(spec) ? parse_names("all") : VisibleDevices{};
}

VisibleDevices visible_by_hook(const OciSpec& spec,
                               const ToolkitConfig& config) {
  if (config.accepts_mounts) {
    VisibleDevices out = visible_by_mounts(spec);
    if (out.what != VisibleDevices::What::nothing) return out;
  }
  if (!reads_environment(spec, config)) return {};
  return visible_by_environment(spec);
}

bool has_nvidia_hook(const OciSpec& spec) {
  return std::ranges::any_of(spec.hooks, [](const std::string& hook) {
    return hook == "nvidia-container-runtime-hook" ||
           hook == "nvidia-container-toolkit";
  });
}

LegacyNodes nodes_of_hook(const OciSpec& spec, const ToolkitConfig& config,
                          const HostNodes& host, bool may_guess) {
  LegacyNodes out;
  const VisibleDevices visible = visible_by_hook(spec, config);
  if (visible.what == VisibleDevices::What::nothing) return out;
  add_control_nodes(out, spec, host);
  add_gpus(out, visible, host, may_guess);
  add_imex_channels(out, spec, config, host);
  return out;
}

}  // namespace gpuward::containers
