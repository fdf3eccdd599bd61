#include "containers/look.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "containers/find.h"
#include "containers/inside.h"
#include "containers/policy.h"
#include "containers/programs.h"
#include "containers/tomorrow.h"
#include "evidence/config_files.h"
#include "evidence/kubelet_config.h"
#include "evidence/software.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSource = "containers";
constexpr int kPatiences = 4;  // for all containers together

// What is the same for all of them.
struct Machine {
  int systemd = 0;
  bool static_cpu_manager = false;
  std::string proc_devices;
};

Machine machine_of(const host::Host& host) {
  Machine machine;
  const auto version = to_number<int>(evidence::systemd_version(host.evidence));
  machine.systemd = version.value_or(0);  // 0 is "not known" to who judges
  const evidence::KubeletConfig kubelet =
      evidence::read_kubelet_config(evidence::ConfigFiles(host.evidence));
  machine.static_cpu_manager = kubelet.cpu_manager.value == "static";
  // Without it an entry "char-nvidia*" names nothing, as it does to systemd.
  machine.proc_devices = host.evidence.read("/proc/devices").value_or("");
  return machine;
}

// The same sentence is not said for each of fifty containers.
void add_gap(std::vector<Gap>& gaps, const std::string& why) {
  // Names of cgroups are their makers' choice.
  const Gap gap{std::string(kSource), printable(why)};
  if (std::ranges::find(gaps, gap) == gaps.end()) gaps.push_back(gap);
}

std::string numbers_of(const Grant& grant) {
  return fmt::format("{}:{}", grant.major_number, grant.minor_number);
}

bool is_used(const Grant& grant) {
  return grant.access.find_first_of("rw") != std::string::npos;
}

Surroundings read_policy(const host::Host& host, const Machine& machine,
                         Container& container) {
  Surroundings around{machine.systemd, machine.static_cpu_manager, {}, ""};
  container.policy.reset();
  if (container.unit.empty() || container.rootless) return around;
  auto policy = read_scope_policy(host, container.unit);
  if (!policy) {
    around.no_policy_why = policy.error().text;
    return around;
  }
  for (const Grant& grant : container.grants) {
    if (is_used(grant) && !allows(*policy, grant, host.evidence,
                                  machine.proc_devices, machine.systemd)) {
      around.not_allowed.push_back(numbers_of(grant));
    }
  }
  container.policy = *std::move(policy);
  return around;
}

// On v1 whoever was realised last has written the list. What the runtime was
// told to allow and systemd was not told is missing by systemd's hand.
std::string writer_of(const std::vector<std::string>& lacking,
                      const Container& container, const Surroundings& around) {
  const bool by_systemd =
      container.injection == Injection::devices && container.policy &&
      std::ranges::all_of(lacking, [&](const std::string& node) {
        return std::ranges::find(around.not_allowed, node) !=
               around.not_allowed.end();
      });
  return by_systemd ? "systemd" : "unknown";
}

Result<std::vector<DeviceProgram>> read_filters(const host::Host& host,
                                                const Container& container,
                                                const Surroundings& around) {
  if (container.cgroup_v2) return read_device_programs(host, container);
  const auto list = TRY(read_devices_list(host, container));
  const auto lacking = lacking_in(list, container.grants);
  if (!lacking) return std::vector<DeviceProgram>{};
  const std::string owner = writer_of(*lacking, container, around);
  return std::vector<DeviceProgram>{
      {0, "devices.list", owner, container.cgroup, lacking}};
}

// All but the look from inside. Never fails: what is not known becomes a gap.
void look_from_outside(const host::Host& host, const Machine& machine,
                       Container& container, std::vector<Gap>& gaps) {
  const Surroundings around = read_policy(host, machine, container);
  container.programs.clear();
  auto programs = read_filters(host, container, around);
  if (programs) {
    container.programs = *std::move(programs);
  } else {
    const bool is_same_for_all = programs.error().kind == Error::Kind::denied;
    add_gap(gaps, is_same_for_all
                      ? "the device programs cannot be read: run as root"
                      : container.label + ": " + programs.error().text);
  }
  judge_tomorrow(container, around);
}

void set_unknown(Container& container, const std::string& why) {
  container.nodes.clear();
  for (const Grant& grant : container.grants) {
    container.nodes.push_back(
        {grant, NodeAccess::Now::unknown, why, std::nullopt});
  }
}

}  // namespace

ContainerLook look_at_containers(const host::Host& host, Millis patience) {
  FoundContainers found = find_containers(host);
  ContainerLook look{{}, std::move(found.gaps), found.is_whole};
  const Machine machine = machine_of(host);
  const Boot end = BootClock::now() + kPatiences * patience;
  for (Container& container : found.containers) {
    const Millis left = end - BootClock::now();
    if (left > Millis{0}) {
      const auto done = look_inside(host, container, std::min(patience, left));
      if (!done && done.error().kind == Error::Kind::gone) continue;
      if (!done) set_unknown(container, done.error().text);
    } else {
      set_unknown(container,
                  fmt::format("not looked at: the {} for all containers are "
                              "over",
                              to_words(kPatiences * patience)));
    }
    look_from_outside(host, machine, container, look.gaps);
    look.containers.push_back(std::move(container));
  }
  return look;
}

Result<void> look_again(const host::Host& host, Container& container,
                        Millis patience) {
  TRY_VOID(look_inside(host, container, patience));
  std::vector<Gap> gaps;
  look_from_outside(host, machine_of(host), container, gaps);
  return {};
}

}  // namespace gpuward::containers
