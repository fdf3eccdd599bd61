#include "evidence/mps_control.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "evidence/driver.h"
#include "evidence/packages.h"
#include "evidence/unit_files.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "mps";
constexpr std::string_view kProgram = "nvidia-cuda-mps-control";
// "mps-control-daemon", the program of NVIDIA's device plugin that starts it,
// cut at 15 characters.
constexpr std::string_view kStarter = "mps-control-dae";
constexpr std::string_view kPods = "/var/log/pods";
constexpr std::string_view kWants =
    "/etc/systemd/system/multi-user.target.wants";

// A unit that is switched on and starts it.
std::string wanting_unit(const host::Root& root) {
  const auto names = root.list(kWants);
  if (!names) return {};
  for (const std::string& name : *names) {
    if (name.find("mps") == std::string::npos) continue;
    for (const std::string& command :
         exec_starts(read_unit(root, name).texts)) {
      if (command.find(kProgram) != std::string::npos) return name;
    }
  }
  return {};
}

bool starter_runs(const host::Root& root) {
  const auto names = root.list("/proc");
  if (!names) return false;
  return std::ranges::any_of(*names, [&root](const std::string& name) {
    const auto pid = to_number<int>(name);
    if (!pid) return false;
    const auto stat = host::task_stat(root, *pid);
    return stat && stat->comm.starts_with(kStarter) && stat->state != 'Z';
  });
}

// The kubelet removes the folder with the pod.
std::string wanting_pod(const host::Root& root) {
  const auto names = root.list(kPods);
  if (!names) return {};
  const auto found = std::ranges::find_if(*names, [](const std::string& name) {
    return name.find("mps-control-daemon") != std::string::npos;
  });
  return found == names->end() ? "" : printable(*found, 300);
}

std::string who_wants_it(const host::Root& root) {
  if (const std::string unit = wanting_unit(root); !unit.empty()) {
    return "unit " + printable(unit, 100);
  }
  if (const std::string pod = wanting_pod(root); !pod.empty()) {
    return "pod " + pod;
  }
  return starter_runs(root) ? "the device plugin's MPS daemon, which runs" : "";
}

// "present", "absent"; empty where no folder of programs is to be seen.
std::string state_in(const host::Host& host) {
  bool looked = false;
  for (const std::string& driver_root :
       {host.driver_root, std::string("/run/nvidia/driver"), std::string()}) {
    for (const std::string_view folder :
         {"/usr/bin", "/usr/local/bin", "/usr/local/nvidia/bin", "/opt/bin"}) {
      const std::string path = fmt::format("{}{}", driver_root, folder);
      if (host.evidence.exists(fmt::format("{}/{}", path, kProgram))) {
        return "present";
      }
      looked = looked || host.evidence.exists(path);
    }
  }
  return looked ? "absent" : "";
}

std::string value_of(std::string_view os_release, std::string_view key) {
  for (const std::string_view line : split(os_release, '\n')) {
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.substr(0, equals) != key) {
      continue;
    }
    std::string value(trim(line.substr(equals + 1)));
    std::erase(value, '"');
    return to_lower(value);
  }
  return {};
}

std::string package_for(const host::Root& root) {
  const auto release = root.read("/etc/os-release", size_t{64} << 10);
  if (!release) return {};
  const std::string driver = loaded_driver_version(root).value_or("");
  const std::string branch = driver.substr(0, driver.find('.'));
  const auto status = read_dpkg_status(root);
  const bool has_server =
      status &&
      package_version(*status,
                      fmt::format("libnvidia-compute-{}-server", branch));
  return mps_package(*release, branch, has_server);
}

}  // namespace

std::string mps_package(std::string_view os_release, std::string_view branch,
                        bool has_server_branch) {
  constexpr std::array<std::string_view, 8> kRhel = {
      "rhel",      "fedora", "centos", "rocky",
      "almalinux", "ol",     "amzn",   "openeuler"};
  const std::string id = value_of(os_release, "ID");
  const std::string all = id + " " + value_of(os_release, "ID_LIKE");
  const auto families = words(all);
  const auto is = [&families](std::string_view name) {
    return std::ranges::find(families, name) != families.end();
  };
  if (is("ubuntu")) {
    if (branch.empty()) return {};
    return fmt::format("nvidia-compute-utils-{}{}", branch,
                       has_server_branch ? "-server" : "");
  }
  if (is("debian")) return "nvidia-cuda-mps";
  return std::ranges::any_of(kRhel, is) ? "nvidia-driver-cuda" : "";
}

Collected collect_mps_control(const host::Host& host) {
  Collected out;
  const std::string who = who_wants_it(host.evidence);
  if (who.empty()) return out;
  out.evidence.push_back(node_fact(
      kSource, fact::kMpsWanted, who,
      fmt::format("CUDA's Multi-Process Service is wanted by {}", who)));
  const std::string state = state_in(host);
  if (state.empty()) {
    out.gaps.push_back(
        {std::string(kSource), "no folder of programs is to be seen"});
    return out;
  }
  out.evidence.push_back(
      node_fact(kSource, fact::kMpsControl, state,
                fmt::format("{} is {} where the driver's programs lie",
                            kProgram, state)));
  const std::string package = package_for(host.evidence);
  if (package.empty()) return out;
  out.evidence.push_back(node_fact(kSource, fact::kMpsPackage, package,
                                   "package " + package + " has it"));
  return out;
}

}  // namespace gpuward::evidence
