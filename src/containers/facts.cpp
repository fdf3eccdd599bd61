#include "containers/facts.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "containers/access.h"
#include "model/facts.h"

namespace gpuward::containers {
namespace {

class Facts {
 public:
  explicit Facts(const Container& container) : container_(container) {}

  void add(std::string_view key, Value value, std::string text) {
    Evidence fact;
    fact.source = "containers";
    fact.subject = {Subject::Kind::container, container_.label};
    fact.key = key;
    fact.value = std::move(value);
    fact.text = std::move(text);
    all_.push_back(std::move(fact));
  }
  std::vector<Evidence> take() { return std::move(all_); }

 private:
  const Container& container_;
  std::vector<Evidence> all_;
};

// "EPERM for /dev/nvidia0 and /dev/nvidiactl, asked from inside its cgroup"
std::string access_in_words(const Container& container) {
  std::string denied, unknown;
  for (const NodeAccess& node : container.nodes) {
    const std::string one =
        fmt::format("{} ({}:{})", node.grant.path, node.grant.major_number,
                    node.grant.minor_number);
    if (node.now == NodeAccess::Now::denied) {
      denied += (denied.empty() ? "" : ", ") + one;
    }
    if (node.now == NodeAccess::Now::unknown && unknown.empty()) {
      unknown = fmt::format("{}: {}", one, node.why);
    }
  }
  if (!denied.empty()) {
    return fmt::format(
        "asked from inside its cgroup, access to {} is denied (EPERM)", denied);
  }
  if (!unknown.empty()) return "whether it has access is not known: " + unknown;
  return "asked from inside its cgroup, access to all its nodes is allowed";
}

bool denies_any(const DeviceProgram& program) {
  return program.denies && !program.denies->empty();
}

bool is_systemds(const DeviceProgram& program) {
  return program.owner == "systemd";
}

std::string denied_by(const Container& container) {
  if (!container.cgroup_v2) return "systemd";  // the one who writes the list
  const auto some = [&](bool systemd) {
    return std::ranges::any_of(
        container.programs, [&](const DeviceProgram& program) {
          return denies_any(program) && is_systemds(program) == systemd;
        });
  };
  if (some(true) && some(false)) return "both";
  if (some(true)) return "systemd";
  return some(false) ? "runtime" : "unknown";
}

void add_access(Facts& facts, const Container& container) {
  const NodeAccess::Now now = access_now(container);
  facts.add(fact::kContainerAccess, std::string(name_of(now)),
            access_in_words(container));
  if (now != NodeAccess::Now::denied) {
    if (is_listed_whole(container) && container.tomorrow != Tomorrow::safe) {
      facts.add(fact::kContainerHeals, "re-create",
                "systemd's list has its nodes: what the runtime takes away at "
                "an update, only a container made anew keeps");
    }
    return;
  }
  const std::string by = denied_by(container);
  const std::string words = who_denies(container);
  facts.add(fact::kContainerDeniedBy, by,
            words.empty() ? "who denies it could not be read" : words);
  const bool live = !container.unit.empty() && by != "runtime" && by != "both";
  facts.add(fact::kContainerHeals, live ? "live" : "re-create",
            live ? "it can be healed while it runs"
                 : "it cannot be healed while it runs: the runtime's own list "
                   "denies as well, or no systemd scope is around it");
}

void add_inside(Facts& facts, const Container& container) {
  std::string missing;
  bool looked = !container.nodes.empty();
  for (const NodeAccess& node : container.nodes) {
    looked = looked && node.present.has_value();
    if (node.present == false) {
      missing += (missing.empty() ? "" : ", ") + node.grant.path;
    }
  }
  if (!missing.empty()) {
    facts.add(fact::kContainerDev, "missing", "not in its /dev: " + missing);
  } else if (looked) {
    facts.add(fact::kContainerDev, "present", "all its nodes lie in its /dev");
  }
  if (!container.library) return;
  const bool absent = container.library->empty();
  facts.add(fact::kContainerLibrary, absent ? "absent" : "injected",
            absent ? "no libnvidia-ml.so.1 in it"
                   : "libnvidia-ml.so." + *container.library + " in it");
  // "1": a library is there, and its name does not say which.
  if (!absent && container.library->find('.') != std::string::npos) {
    facts.add(fact::kContainerDriver, *container.library,
              "it has the libraries of driver " + *container.library);
  }
}

}  // namespace

std::vector<Evidence> facts_of(const Container& container) {
  Facts facts(container);
  const std::string words = in_words(container);
  facts.add(fact::kContainer, words, words);
  facts.add(fact::kContainerRuntime, container.runtime,
            "started by " + container.runtime);
  facts.add(fact::kContainerRootless, container.rootless,
            container.rootless ? "rootless" : "not rootless");
  if (!container.grants.empty()) {
    const std::string nodes = nodes_in_words(container);
    facts.add(fact::kContainerNodes, nodes,
              fmt::format("was given {} ({})", nodes,
                          container.grants.front().record));
    add_access(facts, container);
    facts.add(fact::kContainerTomorrow,
              std::string(name_of(container.tomorrow)),
              container.tomorrow_why.empty()
                  ? std::string(name_of(container.tomorrow))
                  : container.tomorrow_why);
    add_inside(facts, container);
  }
  if (container.grants.empty() && !container.unresolved.empty()) {
    facts.add(
        fact::kContainerAccess, "unknown",
        "whether it has access is not known: " + container.unresolved.front());
  }
  if (container.asked_only) {
    facts.add(fact::kContainerAskedOnly, true,
              "its environment asks for GPUs (NVIDIA_VISIBLE_DEVICES), and no "
              "record of the host gives it any");
  }
  if (container.injection != Injection::unknown) {
    facts.add(fact::kContainerInjection,
              std::string(name_of(container.injection)),
              container.injection == Injection::legacy
                  ? "NVIDIA's hook gave the nodes behind the runtime's back"
                  : "the nodes stand in the container's OCI specification");
  }
  return facts.take();
}

}  // namespace gpuward::containers
