// Ending the loss of devices at a reload of systemd for good: the runtimes are
// told to manage cgroups themselves (the cgroupfs driver). The files are
// edited, and nothing is restarted: what that takes and disrupts is said.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "action/edit_file.h"
#include "base/result.h"
#include "evidence/runtime_config.h"
#include "ledger/ledger.h"
#include "model/plan.h"

namespace gpuward::agent {

// Step's argument "purpose".
inline constexpr std::string_view kCgroupDriverEdit = "runtime-cgroup-driver";
inline constexpr std::string_view kCgroupDriverUndo =
    "runtime-cgroup-driver-undo";

struct CgroupDriverPlan {
  // One "edit-file" step for each file; refusals where a runtime, or the whole
  // node, must stay as it is. Both empty: there is nothing to do.
  Plan plan;

  struct Change {
    std::string path;
    action::FileText before;
    action::FileText after;
  };
  std::vector<Change> changes;  // one for each step, in their order
  // Sentences: what is as it should be, or does not concern this repair.
  std::vector<std::string> as_it_is;
  std::vector<std::string> warnings;
  // What a person does then, in order: services to restart, containers to be
  // made anew, and what each disrupts.
  std::vector<std::string> then;
};

// All of it as unified diffs; empty without changes.
std::string diff_of(const CgroupDriverPlan& plan);

// Reads, and changes nothing. The result of every edit has been read by the
// same reader that found the old value: a plan whose edits do not lead to
// cgroupfs is refused.
CgroupDriverPlan plan_cgroup_driver(const evidence::ConfigFiles& files);

// Takes back what the ledger (its newest entries, newest first) says was done
// by this repair and not taken back since. Refused, with the difference, where
// somebody changed a file meanwhile.
CgroupDriverPlan plan_cgroup_driver_undo(
    const host::Host& host, const std::vector<ledger::LedgerEntry>& entries);

}  // namespace gpuward::agent
