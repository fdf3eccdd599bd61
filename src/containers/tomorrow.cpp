#include "containers/tomorrow.h"

#include <fmt/core.h>

#include <algorithm>

namespace gpuward::containers {
namespace {

// From here on a reload leaves the scope's programs alone; an update of the
// unit still realises it anew. Between 252 and 257 nobody has measured.
constexpr int kReloadIsHarmless = 257;
constexpr int kMeasured = 252;
constexpr size_t kMostNamed = 4;

struct Judgement {
  Tomorrow tomorrow = Tomorrow::unknown;
  std::string why;
};

// "195:0" → "/dev/nvidia0 (195:0)"
std::string named(const Container& container, const std::string& numbers) {
  for (const Grant& grant : container.grants) {
    if (numbers ==
        fmt::format("{}:{}", grant.major_number, grant.minor_number)) {
      return fmt::format("{} ({})", grant.path, numbers);
    }
  }
  return numbers;
}

std::string named_all(const Container& container,
                      const std::vector<std::string>& nodes) {
  std::string text;
  for (size_t i = 0; i < std::min(nodes.size(), kMostNamed); ++i) {
    text += (i > 0 ? ", " : "") + named(container, nodes[i]);
  }
  if (nodes.size() > kMostNamed) {
    text += fmt::format(" and {} more", nodes.size() - kMostNamed);
  }
  return text;
}

// All nodes of the container.
std::string its_nodes(const Container& container) {
  std::vector<std::string> nodes;
  nodes.reserve(container.grants.size());
  for (const Grant& grant : container.grants) {
    nodes.push_back(
        fmt::format("{}:{}", grant.major_number, grant.minor_number));
  }
  return named_all(container, nodes);
}

std::string which_systemd(int version) {
  if (version == 0) {
    return "systemd's version is not known: as measured with 252";
  }
  if (version > kMeasured) {
    return fmt::format("systemd {} is not measured: as measured with 252",
                       version);
  }
  return fmt::format("systemd {}", version);
}

std::string what_updates(const Surroundings& surroundings) {
  return surroundings.static_cpu_manager
             ? "; the kubelet's static CPU manager rewrites the rules within "
               "ten seconds"
             : "";
}

// systemd's own list lacks nodes.
Judgement lacking(const Container& container, const Surroundings& around) {
  const std::string missing = fmt::format(
      "{} of {} lacks {}",
      container.policy ? "DevicePolicy=" + container.policy->policy
                       : "the list",
      unit_in_words(container.unit), named_all(container, around.not_allowed));
  const bool legacy = container.injection == Injection::legacy;
  if (around.systemd >= kReloadIsHarmless) {
    return {Tomorrow::lost_at_update,
            fmt::format("{}: systemd {} applies it when the container or its "
                        "unit is updated (a reload is harmless){}",
                        missing, around.systemd,
                        legacy ? what_updates(around) : "")};
  }
  return {Tomorrow::lost_at_reload,
          fmt::format("{}: the next daemon-reload, daemon-reexec or update "
                      "takes the access away ({}){}",
                      missing, which_systemd(around.systemd),
                      legacy ? what_updates(around) : "")};
}

// NVIDIA's hook went behind the runtime's back.
Judgement behind_the_back(const Container& container,
                          const Surroundings& around) {
  const std::string runtime =
      container.oci_runtime.empty() ? "the runtime" : container.oci_runtime;
  if (around.static_cpu_manager) {
    return {
        Tomorrow::lost_at_update,
        fmt::format("{} does not know of {}, which NVIDIA's hook added, and "
                    "the kubelet's static CPU manager makes it write its "
                    "own rules again within ten seconds",
                    runtime, its_nodes(container))};
  }
  return {Tomorrow::lost_at_update,
          fmt::format("{} does not know of {}, which NVIDIA's hook added: an "
                      "explicit update (docker update, an in-place resize) "
                      "puts its own rules back; a reload is harmless",
                      runtime, its_nodes(container))};
}

// No list of systemd's takes anything away.
Judgement by_injection(const Container& container, const Surroundings& around,
                       const std::string& no_loss) {
  switch (container.injection) {
    case Injection::devices:
      return {Tomorrow::safe,
              fmt::format("{}; its runtime was given {} as well", no_loss,
                          its_nodes(container))};
    case Injection::legacy:
      return behind_the_back(container, around);
    case Injection::unknown:
      break;
  }
  return {Tomorrow::unknown,
          fmt::format("{}; but no record says how {} came into the container: "
                      "an update may take the access away",
                      no_loss, its_nodes(container))};
}

Judgement with_scope(const Container& container, const Surroundings& around) {
  if (!container.policy) {
    return {Tomorrow::unknown,
            fmt::format("what systemd would apply to {} is not known: {}",
                        unit_in_words(container.unit),
                        around.no_policy_why.empty() ? "it was not looked at"
                                                     : around.no_policy_why)};
  }
  if (!around.not_allowed.empty()) return lacking(container, around);
  const bool filters_nothing =
      container.policy->policy == "auto" && container.policy->allow.empty();
  return by_injection(
      container, around,
      filters_nothing
          ? fmt::format("{} has DevicePolicy=auto and no list: systemd takes "
                        "nothing away",
                        unit_in_words(container.unit))
          : fmt::format("systemd's list for {} has every node of it",
                        unit_in_words(container.unit)));
}

Judgement judge(const Container& container, const Surroundings& around) {
  if (container.rootless) {
    return {Tomorrow::unknown,
            "it is rootless: its user's own systemd, which is not asked, "
            "governs its scope"};
  }
  if (container.privileged && around.not_allowed.empty()) {
    return {Tomorrow::safe,
            "it is privileged: runtime and systemd allow it every device"};
  }
  if (container.grants.empty()) {
    return {Tomorrow::unknown, "no record says which nodes it may use"};
  }
  if (container.unit.empty()) {
    return by_injection(container, around,
                        "no systemd scope (cgroupfs driver): a reload "
                        "changes nothing");
  }
  return with_scope(container, around);
}

}  // namespace

void judge_tomorrow(Container& container, const Surroundings& surroundings) {
  Judgement judgement = judge(container, surroundings);
  if (judgement.tomorrow == Tomorrow::safe && !container.unresolved.empty()) {
    judgement = {Tomorrow::unknown,
                 fmt::format("{} could not be resolved to a node; for the "
                             "others: {}",
                             container.unresolved.front(), judgement.why)};
  }
  container.tomorrow = judgement.tomorrow;
  container.tomorrow_why = std::move(judgement.why);
}

}  // namespace gpuward::containers
