// Whether a plugin that was late is asked again, and when. A call that was late
// stays open: its answer, whenever it comes, shows that the plugin is well
// again. Since one thread of a plugin may be stuck for ever while others would
// answer, it is also asked anew now and then; never more than kMostStuck calls
// are left waiting. Pure: the clock is the caller's.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace gpuward::kubelet::guard {

class Circuit {
 public:
  static constexpr int kMostStuck = 2;

  // `failures` late calls in a row open it.
  explicit Circuit(int failures) : failures_(failures) {}

  bool is_open() const { return late_in_a_row_ >= failures_; }
  int stuck() const { return stuck_; }

  // A call passed its deadline and is left waiting.
  void late(Boot now) {
    ++late_in_a_row_;
    ++stuck_;
    wait(now);
  }
  // A call was answered in time.
  void answered() {
    late_in_a_row_ = 0;
    pauses_ = 0;
  }
  // One that was late was answered at last, or one of another kind: it shows
  // that a plugin is back, not that one is quick.
  void answered_at_last() {
    if (is_open()) answered();
  }
  // A call that was late is over, answered or not.
  void over() { stuck_ = std::max(0, stuck_ - 1); }

  // May the plugin be asked anew, to see whether it is well?
  bool may_ask(Boot now) const {
    return is_open() && stuck_ < kMostStuck && now >= next_;
  }
  // The plugin was asked, for this circuit or for another one: only what waits
  // for an answer waits longer next time.
  void asked(Boot now) {
    if (is_open()) wait(now);
  }

 private:
  void wait(Boot now) {
    constexpr Millis kFirst = 5s;
    constexpr Millis kLongest = 60s;
    constexpr int kMostDoublings = 4;
    next_ = now + std::min(kFirst * (1 << pauses_), kLongest);
    pauses_ = std::min(pauses_ + 1, kMostDoublings);
  }

  int failures_;
  int late_in_a_row_ = 0;
  int stuck_ = 0;
  int pauses_ = 0;
  Boot next_{};
};

}  // namespace gpuward::kubelet::guard
