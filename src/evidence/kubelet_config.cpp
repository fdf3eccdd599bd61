#include "evidence/kubelet_config.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/yaml.h"
#include "evidence/command_flags.h"
#include "evidence/unit_files.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kConfig = "/var/lib/kubelet/config.yaml";
// In the order in which kubeadm's unit puts them on the command line.
constexpr std::array<std::string_view, 3> kEnvironmentFiles = {
    "/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet",
    "/etc/sysconfig/kubelet"};
constexpr std::array<std::string_view, 9> kSigns = {
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
    "/usr/bin/kubelet",
    "/usr/local/bin/kubelet",
    "/opt/bin/kubelet",
    "/usr/local/bin/k3s",
    "/usr/local/bin/rke2",
    "/var/lib/kubelet/pods",
    "/var/lib/kubelet/pki"};

// Something that holds flags, and where it stands.
struct Flags {
  std::string text;
  std::string file;
};

std::vector<Flags> all_flags(const ConfigFiles& files) {
  std::vector<Flags> out;
  const UnitFiles unit = read_unit(files.root(), "kubelet.service");
  for (std::string& text : environments(unit.texts)) {
    out.push_back({std::move(text), unit.file});
  }
  for (const std::string_view path : kEnvironmentFiles) {
    const auto text = files.read(std::string(path));
    if (!text) continue;
    for (const std::string_view line : split(*text, '\n')) {
      if (trim(line).starts_with('#')) continue;
      out.push_back({std::string(line), std::string(path)});
    }
  }
  for (std::string& text : exec_starts(unit.texts)) {
    out.push_back({std::move(text), unit.file});
  }
  return out;
}

// The last one counts.
KubeletSetting from_flags(const std::vector<Flags>& flags,
                          const std::string& name) {
  KubeletSetting out;
  for (const Flags& each : flags) {
    for (std::string& value : flag_values(each.text, name)) {
      out = {std::move(value), each.file, name, {}};
    }
  }
  return out;
}

// A value of the file or of a drop-in; `why` for what cannot be read.
void take_from_file(KubeletSetting& out, const ConfigFiles& files,
                    const std::string& path, const std::string& key) {
  const auto text = files.read(path);
  if (!text) {
    if (text.error().kind != Error::Kind::not_found) {
      out = {{}, path, key, text.error().text};
    }
    return;
  }
  const auto config = parse_yaml(*text, path);
  if (!config) {
    out = {{}, path, key, config.error().text};
    return;
  }
  const Yaml* value = config->find(key);
  if (value == nullptr || value->kind != Yaml::Kind::scalar) return;
  out = {value->scalar, path, key, {}};
}

KubeletSetting read_setting(const ConfigFiles& files,
                            const std::vector<Flags>& flags,
                            const std::string& flag, const std::string& key) {
  KubeletSetting out = from_flags(flags, flag);
  if (!out.value.empty()) return out;
  const KubeletSetting file = from_flags(flags, "--config");
  take_from_file(out, files,
                 file.value.empty() ? std::string(kConfig) : file.value, key);
  const KubeletSetting folder = from_flags(flags, "--config-dir");
  if (folder.value.empty()) return out;
  for (const std::string& path : files.matching(folder.value + "/*.conf")) {
    take_from_file(out, files, path, key);
  }
  return out;
}

std::string sign_of_kubelet(const host::Root& root) {
  for (const std::string_view path : kSigns) {
    if (root.exists(path)) return std::string(path);
  }
  for (const std::string unit :
       {"kubelet.service", "k3s.service", "k3s-agent.service",
        "rke2-server.service", "rke2-agent.service",
        "snap.kubelet.daemon.service",
        "snap.microk8s.daemon-kubelite.service"}) {
    const UnitFiles files = read_unit(root, unit);
    if (!files.texts.empty()) return files.file;
  }
  return {};
}

}  // namespace

KubeletConfig read_kubelet_config(const ConfigFiles& files) {
  KubeletConfig out;
  out.sign = sign_of_kubelet(files.root());
  out.present = !out.sign.empty();
  if (!out.present) return out;
  const std::vector<Flags> flags = all_flags(files);
  out.cgroup_driver =
      read_setting(files, flags, "--cgroup-driver", "cgroupDriver");
  // Its own default is cgroupfs, but since 1.28 it may ask the runtime.
  if (out.cgroup_driver.value.empty() && out.cgroup_driver.why.empty()) {
    out.cgroup_driver.why = "no file that is known sets it";
  }
  out.cpu_manager =
      read_setting(files, flags, "--cpu-manager-policy", "cpuManagerPolicy");
  if (out.cpu_manager.value.empty() && out.cpu_manager.why.empty()) {
    const bool has_config = files.root().exists(kConfig) ||
                            !from_flags(flags, "--config").value.empty();
    if (has_config) {
      out.cpu_manager.value = "none";
    } else {
      out.cpu_manager.why = "no configuration of the kubelet was found";
    }
  }
  return out;
}

}  // namespace gpuward::evidence
