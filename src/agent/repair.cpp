#include "agent/repair.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "action/create_links.h"
#include "agent/cgroup_driver.h"
#include "agent/kubelet_patient.h"
#include "base/text.h"
#include "containers/access.h"
#include "containers/facts.h"
#include "diagnosis/fold.h"
#include "examine/examine.h"
#include "plan/plan_containers.h"
#include "plan/plan_kubelet.h"

namespace gpuward::agent {
namespace {

constexpr std::string_view kRevoked = "container-gpu-access-revoked";
constexpr std::string_view kAtRisk = "container-gpu-access-at-risk";
constexpr std::string_view kLinks = "dev-char-links-missing";
constexpr std::string_view kKubelet = "kubelet-blocked-by-device-plugin";

// Fewer characters of an id say too little.
constexpr size_t kShortestId = 4;

bool is_meant(const Container& container, const std::string& target) {
  if (target == container.label || target == container.name) return true;
  return target.size() >= kShortestId && container.id.starts_with(target);
}

std::string state_in_words(const Container& container) {
  const std::string who = in_words(container);
  switch (containers::access_now(container)) {
    case NodeAccess::Now::allowed:
      return who + (container.tomorrow == Tomorrow::safe
                        ? " has access, and it lasts"
                        : " has access; whether it lasts is not known: " +
                              container.tomorrow_why);
    case NodeAccess::Now::denied:
      return who + " is denied its GPU";
    case NodeAccess::Now::unknown:
      break;
  }
  if (container.grants.empty()) {
    return who + " was given no NVIDIA node by any record of the host";
  }
  const auto node = std::ranges::find_if(
      container.nodes, [](const NodeAccess& one) { return !one.why.empty(); });
  return fmt::format("{}: whether it has access is not known{}", who,
                     node == container.nodes.end() ? "" : ": " + node->why);
}

// What could not be read of containers.
std::vector<std::string> not_looked_at(const examine::Gathered& gathered) {
  std::vector<std::string> out;
  for (const Gap& gap : gathered.gaps) {
    if (gap.source == "containers") out.push_back(gap.why);
  }
  return out;
}

Error no_such(const std::string& target, const diagnosis::Catalogue& catalogue,
              const examine::Gathered& gathered) {
  const std::vector<std::string> unread = not_looked_at(gathered);
  if (!unread.empty()) {
    return {Error::Kind::unsupported, 0,
            fmt::format("whether there is a container '{}' is not known: {}",
                        printable(target, 100), unread.front())};
  }
  std::vector<std::string> names;
  std::string running;
  for (const Container& one : gathered.containers) {
    names.push_back(one.label);
    running += (running.empty() ? "" : ", ") + one.label;
  }
  for (const diagnosis::Fault& fault : catalogue.faults)
    names.push_back(fault.id);
  const auto near = nearest(target, names);
  return {Error::Kind::not_found, 0,
          fmt::format("there is no finding and no container '{}'{}; containers "
                      "with NVIDIA devices: {}",
                      printable(target, 100),
                      near ? "; did you mean '" + *near + "'?" : "",
                      running.empty() ? "none" : running)};
}

class Repair {
 public:
  Repair(const host::Host& host, const diagnosis::Catalogue& catalogue,
         examine::Gathered gathered, const Snapshot& snapshot)
      : host_(host),
        catalogue_(catalogue),
        gathered_(std::move(gathered)),
        found_(examine::diagnose(catalogue, gathered_, snapshot, wall_now())
                   .findings) {}

  Result<RepairPlan> plan(const RepairWish& wish) {
    if (wish.targets.empty()) {
      for (const Finding& finding : found_) add_with_consequences(finding);
    }
    for (const std::string& target : wish.targets) {
      TRY_VOID(add_target(target));
    }
    out_.plan = plan::plan_containers(out_.findings, gathered_.containers,
                                      {.allow_restart = wish.allow_restart});
    add_links();
    add_kubelet();
    const auto is_about_all = [](const std::string& target) {
      return target == kRevoked || target == kAtRisk;
    };
    if (wish.targets.empty() ||
        std::ranges::any_of(wish.targets, is_about_all)) {
      out_.unknown = not_looked_at(gathered_);
    }
    return std::move(out_);
  }

 private:
  // A kubelet is restarted for more than a suspicion, or by name.
  static bool is_only_suspected(std::string_view id, const Finding& finding) {
    return id == kKubelet && finding.confidence == Confidence::possible;
  }

  void add_with_consequences(const Finding& finding) {
    if (is_only_suspected(finding.id, finding)) {
      out_.warnings.push_back(
          "that the kubelet waits for its device plugin is only suspected: "
          "`gpuward repair " +
          finding.id + "` plans for it all the same");
    } else {
      add(finding);
    }
    for (const Consequence& consequence : finding.consequences) {
      if (!has_repair(consequence.id) ||
          is_only_suspected(consequence.id, finding)) {
        continue;
      }
      add_consequence(finding, consequence.id);
    }
  }

  void add(const Finding& finding) {
    if (std::ranges::find(out_.findings, finding) != out_.findings.end()) {
      return;
    }
    if (!has_repair(finding.id)) {
      if (std::ranges::find(out_.left, finding.id) == out_.left.end()) {
        out_.left.push_back(finding.id);
        out_.left_findings.push_back(finding);
      }
      return;
    }
    out_.findings.push_back(finding);
  }

  Result<void> add_target(const std::string& target) {
    if (catalogue_.find(target) != nullptr) {
      add_by_id(target);
      return {};
    }
    bool found = false;
    for (const Container& container : gathered_.containers) {
      if (!is_meant(container, target)) continue;
      found = true;
      add_for(container);
    }
    if (found) return {};
    return std::unexpected(no_such(target, catalogue_, gathered_));
  }

  void add_by_id(const std::string& id) {
    bool found = false;
    for (const Finding& finding : found_) {
      const bool follows =
          has_repair(id) &&
          std::ranges::find(finding.consequences, id, &Consequence::id) !=
              finding.consequences.end();
      if (finding.id != id && !follows) continue;
      found = true;
      if (finding.id == id) {
        add(finding);
      } else {
        add_consequence(finding, id);
      }
    }
    if (found) return;
    if (!has_repair(id)) {
      out_.left.push_back(id);
      return;
    }
    const bool unsure =
        (id == kRevoked || id == kAtRisk) && !not_looked_at(gathered_).empty();
    if (!unsure) out_.well.push_back(id + " is not found on this machine");
  }

  // What was found, and is told of under its root.
  void add_consequence(const Finding& root, const std::string& id) {
    Finding finding = root;
    finding.id = id;
    finding.title = catalogue_.find(id)->title;
    finding.remedies.clear();
    add(finding);
  }

  void add_for(const Container& container) {
    const size_t before = out_.findings.size();
    for (const Finding& finding : found_) {
      const bool mine = finding.subject.kind == Subject::Kind::container &&
                        finding.subject.name == container.label;
      if (mine) add(finding);
    }
    if (out_.findings.size() == before) {
      out_.well.push_back(state_in_words(container));
    }
  }

  void add_links() {
    if (std::ranges::find(out_.findings, kLinks, &Finding::id) ==
        out_.findings.end()) {
      return;
    }
    Step step = action::create_links_step(evidence::find_dev_char_links(
        host_.evidence, {.driver_root = host_.driver_root}));
    if (!step.arguments["links"].as_array().empty()) {
      out_.plan.steps.push_back(std::move(step));
    }
  }

  void add_kubelet() {
    if (std::ranges::find(out_.findings, kKubelet, &Finding::id) ==
        out_.findings.end()) {
      return;
    }
    plan::KubeletRepair planned =
        plan::plan_kubelet(kubelet_patient(host_, gathered_.evidence));
    for (Step& step : planned.plan.steps) {
      out_.plan.steps.push_back(std::move(step));
    }
    for (Refusal& refusal : planned.plan.refusals) {
      out_.plan.refusals.push_back(std::move(refusal));
    }
    std::ranges::move(planned.warnings, std::back_inserter(out_.warnings));
    out_.then = std::move(planned.then);
  }

  const host::Host& host_;
  const diagnosis::Catalogue& catalogue_;
  examine::Gathered gathered_;
  std::vector<Finding> found_;
  RepairPlan out_;
};

// Empty where nothing was ever done here.
Result<std::vector<ledger::LedgerEntry>> all_entries(const host::Host& host) {
  constexpr size_t kAll = 10000;
  auto ledger = ledger::Ledger::open_for_reading(host.state_dir);
  if (ledger) return ledger->entries(kAll);
  if (ledger.error().kind == Error::Kind::not_found) return {};
  if (ledger.error().kind == Error::Kind::denied) {
    return wrap(std::move(ledger).error(), "only root may read what was done");
  }
  return std::unexpected(ledger.error());
}

Result<RepairPlan> plan_edit(const host::Host& host, bool undo) {
  CgroupDriverPlan planned;
  if (undo) {
    planned = plan_cgroup_driver_undo(host, TRY(all_entries(host)));
  } else {
    planned = plan_cgroup_driver(evidence::ConfigFiles(host.evidence));
  }
  RepairPlan out;
  out.diff = diff_of(planned);
  out.plan = std::move(planned.plan);
  out.well = std::move(planned.as_it_is);
  out.warnings = std::move(planned.warnings);
  out.then = std::move(planned.then);
  return out;
}

}  // namespace

bool needs_probe(const RepairWish& wish) { return wish.targets.empty(); }

bool has_repair(std::string_view id) {
  return id == kRevoked || id == kAtRisk || id == kLinks || id == kKubelet;
}

Result<RepairPlan> plan_repair(const host::Host& host,
                               const diagnosis::Catalogue& catalogue,
                               examine::Gathered gathered,
                               const Snapshot& snapshot,
                               const RepairWish& wish) {
  const bool edits = std::ranges::find(wish.targets, kRuntimeCgroupDriver) !=
                     wish.targets.end();
  if (edits && wish.targets.size() > 1) {
    return fail(Error::Kind::malformed,
                "runtime-cgroup-driver is repaired by itself: name nothing "
                "beside it");
  }
  if (wish.undo && !edits) {
    return fail(Error::Kind::malformed,
                "--undo goes with runtime-cgroup-driver alone: the other "
                "repairs end with the container, or with the boot");
  }
  return edits ? plan_edit(host, wish.undo)
               : Repair(host, catalogue, std::move(gathered), snapshot)
                     .plan(wish);
}

}  // namespace gpuward::agent
