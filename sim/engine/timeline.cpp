#include "sim/engine/timeline.h"

#include <algorithm>

#include "sim/engine/kernel_log.h"
#include "sim/engine/node.h"
#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

// The uptime file is never older than this.
constexpr Millis kTick = 1s;

}  // namespace

Timeline::Timeline(const Scenario& scenario)
    : events_(scenario.events),
      log_(scenario.log),
      uptime_(scenario.uptime),
      written_(scenario.uptime) {
  std::ranges::stable_sort(events_, {}, &TimedEvent::after);
}

Millis Timeline::play(const std::string& node, StateFile& state) {
  play_events(node, state);
  play_log(node, state);
  play_disk(node, state);
  (void)render_uptime(Tree(node + "/root"), uptime_of(node, state));
  return until_next(state);
}

void Timeline::play_events(const std::string& node, StateFile& state) {
  while (!events_.empty() && events_.front().after.count() <= state.elapsed()) {
    (void)apply_event(node, state, events_.front());
    events_.erase(events_.begin());
  }
}

void Timeline::play_log(const std::string& node, StateFile& state) {
  const Millis now = uptime_of(node, state);
  const auto due = lines_between(log_, written_, now);
  written_ = now;
  if (due.empty()) return;
  (void)state.change(
      [&](sim_state&) { return append_kernel_lines(node, due); });
}

void Timeline::play_disk(const std::string& node, StateFile& state) {
  std::set<uint32_t> held;
  for (const sim_fault& fault : state.get().faults) {
    if (fault.used != 0 && fault.action == SIM_HANG_D_HARD &&
        (fault.to_ms < 0 || state.elapsed() < fault.to_ms)) {
      held.insert(fault.id);
    }
  }
  if (held == held_) return;
  const bool fewer = !std::ranges::includes(held, held_);
  held_ = std::move(held);
  (void)reconcile_disk(node, state, fewer);
}

Millis Timeline::until_next(const StateFile& state) const {
  Millis wait = kTick;
  const auto consider = [&wait](int64_t left) {
    wait = std::clamp(Millis(left), 1ms, wait);
  };
  if (!events_.empty())
    consider(events_.front().after.count() - state.elapsed());
  const Millis now = uptime_ + Millis(state.elapsed());
  if (const auto next = next_line(log_, now)) consider((*next - now).count());
  for (const sim_fault& fault : state.get().faults) {
    if (fault.used != 0 && fault.to_ms > state.elapsed()) {
      consider(fault.to_ms - state.elapsed());
    }
  }
  return wait;
}

}  // namespace gpuward::simulator
