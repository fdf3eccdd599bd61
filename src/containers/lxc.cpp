#include "containers/lxc.h"

#include <fmt/core.h>

#include "base/text.h"

namespace gpuward::containers {
namespace {

void read_device_line(std::string_view key, std::string_view value,
                      LxcConfig& out) {
  const bool v2 = key.starts_with("lxc.cgroup2.devices.");
  if (!v2 && !key.starts_with("lxc.cgroup.devices.")) return;
  const bool allow = key.ends_with(".allow");
  if (!allow && !key.ends_with(".deny")) return;
  std::vector<DeviceRule>& rules = v2 ? out.rules_v2 : out.rules_v1;
  if (value.empty()) {
    rules.clear();  // an empty value takes back what stood before
  } else if (const auto rule = parse_device_rule(value, allow)) {
    rules.push_back(*rule);
  }
}

void read_line(std::string_view key, std::string_view value, LxcConfig& out) {
  read_device_line(key, value, out);
  if (key == "lxc.include") out.includes_others = true;
  if (key == "lxc.idmap" || key == "lxc.id_map") {
    out.user_namespace = !value.empty();
  }
  if (key != "lxc.mount.entry") return;
  const auto fields = words(value);
  if (fields.size() < 2) return;
  // Below the container's root, with or without a slash.
  const bool is_absolute = fields[1].starts_with('/');
  out.mounts.push_back({std::string(fields[0]),
                        std::string(is_absolute ? "" : "/").append(fields[1])});
}

}  // namespace

LxcConfig parse_lxc_config(std::string_view text) {
  LxcConfig out;
  for (const std::string_view raw : split(text, '\n')) {
    const std::string_view line = trim(raw);
    const size_t equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    read_line(trim(line.substr(0, equals)), trim(line.substr(equals + 1)), out);
  }
  return out;
}

Result<LxcConfig> read_lxc_config(const host::Root& root,
                                  const std::string& name) {
  Result<LxcConfig> failed = fail(
      Error::Kind::not_found, "no configuration of the LXC container " + name);
  for (const std::string& path :
       {fmt::format("/var/lib/lxc/{}/config", name),
        fmt::format("/var/log/lxd/{}/lxc.conf", name),
        fmt::format("/var/snap/lxd/common/lxd/logs/{}/lxc.conf", name),
        fmt::format("/var/log/incus/{}/lxc.conf", name),
        fmt::format("/run/incus/{}/lxc.conf", name)}) {
    const auto text = root.read(path);
    if (text) {
      LxcConfig out = parse_lxc_config(*text);
      out.file = path;
      return out;
    }
    if (text.error().kind != Error::Kind::not_found) {
      failed = std::unexpected(text.error());
    }
  }
  return failed;
}

}  // namespace gpuward::containers
