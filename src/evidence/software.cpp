#include "evidence/software.h"

#include <array>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "software";

std::string cgroup_version(const host::Root& root) {
  if (root.exists("/sys/fs/cgroup/cgroup.controllers")) return "v2";
  if (root.exists("/sys/fs/cgroup/devices")) return "v1";
  return {};
}

}  // namespace

// Every systemd carries its version in the name of its private library:
// libsystemd-shared-252.so, libsystemd-shared-252.19-1.el9.so.
std::string systemd_version(const host::Root& root) {
  constexpr std::array<std::string_view, 5> kFolders = {
      "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
      "/usr/lib64/systemd", "/usr/lib/systemd", "/lib/systemd"};
  constexpr std::string_view kPrefix = "libsystemd-shared-";
  for (const std::string_view folder : kFolders) {
    const auto names = root.list(folder);
    if (!names) continue;
    for (const std::string_view name : *names) {
      if (!name.starts_with(kPrefix)) continue;
      const std::string_view rest = name.substr(kPrefix.size());
      const size_t digits = rest.find_first_not_of("0123456789");
      if (digits > 0) return std::string(rest.substr(0, digits));
    }
  }
  return {};
}

Collected collect_software(const host::Host& host) {
  Collected out;
  const std::string systemd = systemd_version(host.evidence);
  if (!systemd.empty()) {
    out.evidence.push_back(
        node_fact(kSource, fact::kSystemd, systemd, "systemd " + systemd));
  }
  const std::string cgroup = cgroup_version(host.evidence);
  if (!cgroup.empty()) {
    out.evidence.push_back(
        node_fact(kSource, fact::kCgroup, cgroup, "cgroup " + cgroup));
  }
  return out;
}

}  // namespace gpuward::evidence
