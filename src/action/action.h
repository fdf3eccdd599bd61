// An action: one kind of change to the machine, as check → run → verify, with
// undo. One per file pair, listed in table.cpp. The engine (engine.h) drives
// them; no action is called by anybody else.
//
// Each must bear being killed at any line, and being run, verified or undone a
// second time.
#pragma once

#include <span>
#include <string_view>

#include "host/host.h"
#include "model/plan.h"

namespace gpuward::action {

struct Action {
  std::string_view name;  // as in Step::action; in the journal, never renamed
  std::string_view what;  // for people
  // What it does ends with the boot: after a reboot nothing is left to undo.
  bool ends_with_boot = false;

  struct Checked {
    bool already = false;  // nothing is to be done
    Json undo;             // everything that undo() needs
    std::string text;      // why `already`
  };
  // Reads only. An error is a refusal, its text the reason.
  Result<Checked> (*check)(const host::Host& host, const Step& step) = nullptr;
  Result<void> (*run)(const host::Host& host, const Step& step) = nullptr;
  // By new evidence, never by what run() said. The text is what was proved.
  // Error::gone: what the step was about has ended; nothing is left to undo.
  Result<std::string> (*verify)(const host::Host& host,
                                const Step& step) = nullptr;
  // Of what may have been done in part, or not at all. Error::timeout and
  // Error::busy: the next gpuward tries again.
  Result<void> (*undo)(const host::Host& host, const Step& step,
                       const Json& undo) = nullptr;
};

std::span<const Action> actions();
// Nothing where `among` has no such action.
const Action* find_action(std::string_view name,
                          std::span<const Action> among = actions());

}  // namespace gpuward::action
