// check → journal → run → verify → undo, for each step of a plan.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "action/action.h"
#include "ledger/ledger.h"

namespace gpuward::action {

// Called before each step and after it (long work shows progress).
struct Watcher {
  std::function<void(const Step&)> begins;
  std::function<void(const Outcome&)> ended;
};

// Carries the steps out in order. A step that fails does not keep others of
// other subjects from being done; later steps of its subject are refused, but
// for those that are there for that case (Step::only_if_failed), which are
// passed over without an outcome where they are not needed. The plan's
// refusals are recorded too. Stops acting, and says so in the outcome, once
// the ledger cannot be written. Holds the ledger's lock meanwhile.
std::vector<Outcome> carry_out(const host::Host& host, ledger::Ledger& ledger,
                               const Plan& plan, const Watcher& watcher = {},
                               std::span<const Action> known = actions());

// What an earlier process began and did not end: verified and closed where it
// had worked, else undone. Call before acting. Empty where there is nothing;
// an error where that cannot be told, and then nothing may be done.
Result<std::vector<Outcome>> finish_interrupted(
    const host::Host& host, ledger::Ledger& ledger, const Watcher& watcher = {},
    std::span<const Action> known = actions());

}  // namespace gpuward::action
