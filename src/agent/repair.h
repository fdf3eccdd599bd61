// From what is wrong to a plan: for `gpuward repair`, and for whoever heals by
// itself. Reads the machine, probes no driver, changes nothing.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/catalogue.h"
#include "examine/examine.h"
#include "host/host.h"
#include "model/container.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace gpuward::agent {

struct RepairWish {
  // Findings by id, containers by label, name or id (its first characters);
  // empty: all that is found and can be repaired.
  std::vector<std::string> targets;
  bool allow_restart = false;
  // Of runtime-cgroup-driver: take its last edits back.
  bool undo = false;
};

// A target that is no finding: the edit that ends the loss for good.
inline constexpr std::string_view kRuntimeCgroupDriver =
    "runtime-cgroup-driver";

struct RepairPlan {
  std::vector<Finding> findings;  // that it is for
  Plan plan;
  // Ids of findings that are left to people: there is no repair for them.
  std::vector<std::string> left;
  // Those of them that were found, with what people can do.
  std::vector<Finding> left_findings;
  // About targets that are well: "container tv has access, and it lasts".
  std::vector<std::string> well;
  std::string diff;                   // of configuration files, unified
  std::vector<std::string> warnings;  // to be read before --apply
  // What a person does afterwards, and what that disrupts.
  std::vector<std::string> then;
  // Why there may be more to repair than is known.
  std::vector<std::string> unknown;
};

// Whether a plan can come of the finding: those whose remedy in the catalogue
// has "applies_by: repair".
bool has_repair(std::string_view id);

// Whether the plan depends on what the driver says: of all that is wrong, not
// of a container that is named, which must not wait for a driver that hangs.
bool needs_probe(const RepairWish& wish);

// `gathered`: what the machine says; `snapshot`: what the probe saw, or that
// there was none.
// Error::malformed for wishes that make no sense together;
// Error::not_found, with what there is, for a target that is neither;
// Error::unsupported where not all containers could be looked at.
Result<RepairPlan> plan_repair(const host::Host& host,
                               const diagnosis::Catalogue& catalogue,
                               examine::Gathered gathered,
                               const Snapshot& snapshot,
                               const RepairWish& wish);

}  // namespace gpuward::agent
