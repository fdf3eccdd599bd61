// Plan and Outcome: what would be done about findings, and what came of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "model/finding.h"

namespace gpuward {

// One thing that is done, checked, verified and undone as a whole.
struct Step {
  std::string action;  // a name of action/table.cpp
  Subject subject;
  // What the action needs to know; goes into the journal as it is. Each
  // action's header says which members there are.
  Json arguments = Json::object();
  std::string
      text;  // "allow /dev/nvidia0 and /dev/nvidiactl in docker-….scope"
  Remedy::Disrupts disrupts = Remedy::Disrupts::nothing;
  // A last resort: done only where that earlier step of the plan (its index in
  // Plan::steps) was refused, undone or failed; passed over otherwise.
  std::optional<size_t> only_if_failed;

  bool operator==(const Step&) const = default;
};

// What is not done, and why; as much a result as a step.
struct Refusal {
  Subject subject;
  std::string what;  // "restore access"
  std::string why;   // "re-create only: runc's own program denies as well"

  bool operator==(const Refusal&) const = default;
};

struct Plan {
  std::vector<Step> steps;  // in order, mildest first
  std::vector<Refusal> refusals;

  bool operator==(const Plan&) const = default;
};

struct Outcome {
  enum class State {
    done,     // run and verified
    already,  // nothing was to be done
    refused,  // the check said no; nothing was touched
    undone,   // it did not work, and all is as it was before
    failed,   // it did not work, and undoing it did not either
  };
  State state = State::refused;
  Step step;
  std::string text;  // why, or what was proved
  Millis took{0};

  bool operator==(const Outcome&) const = default;
};

std::string_view name_of(Outcome::State state);

}  // namespace gpuward
