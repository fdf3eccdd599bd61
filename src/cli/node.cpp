#include "cli/node.h"

#include <cstdlib>

#include "base/text.h"
#include "examine/examine.h"
#include "probe/release.h"
#include "snapshot/wire.h"

namespace gpuward::cli {
namespace {

// The agent answers within the patience; this is for the way.
constexpr Millis kForTheWay = 300ms;
// How old a snapshot may be for somebody who cannot have a fresh one.
constexpr Millis kRecent = 1min;

}  // namespace

double deadline_factor() {
  const char* text =
      ::getenv("GPUWARD_DEADLINE_FACTOR");  // NOLINT(concurrency-mt-unsafe)
  return text != nullptr ? to_double(text).value_or(1.0) : 1.0;
}

Result<host::Host> open_host(const Common& common) {
  return host::Host::open({.root = common.root,
                           .run_dir = common.run_dir,
                           .driver_root = common.driver_root});
}

Look look_at(const host::Host& host, Millis patience,
             const probe::OnWait& on_wait) {
  auto answer = snapshot::ask_agent(host, {.fresh = true, .patience = patience},
                                    patience + kForTheWay);
  if (answer) return {std::move(*answer), true};
  // Who may not ask the agent may still read what it wrote.
  if (answer.error().kind == Error::Kind::denied) {
    if (auto known = snapshot::read_snapshot(host, kRecent)) {
      return {std::move(*known), true};
    }
  }
  if (const auto released = probe::released_until(host, wall_now())) {
    return {examine::unprobed_snapshot(host, in_words(*released), wall_now()),
            false};
  }
  // An agent that takes connections and does not answer has used the patience
  // up; its prober's record still tells what it is in.
  const bool mute = answer.error().kind == Error::Kind::timeout;
  const auto survey = probe::run_survey(host,
                                        {.patience = mute ? 0ms : patience,
                                         .factor = deadline_factor(),
                                         .only_look = mute},
                                        on_wait);
  return {examine::to_snapshot(host, survey, wall_now()), false};
}

}  // namespace gpuward::cli
