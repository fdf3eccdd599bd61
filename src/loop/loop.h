// The event loop: a thin layer over sd-event for one thread. No handler may
// block; what could, happens in the prober.
//
// The loop has the clock of all that runs on it: now(), not BootClock::now(). A
// test makes a loop whose time stands still until the test lets it pass.
//
// It watches over its users. A timer that its own handler sets to "at once"
// again and again, and a descriptor that is closed before its handler is
// removed, are told on standard error, once; with GPUWARD_STRICT_LOOP in the
// environment, as all tests have it, they end the process.
//
// Thread: all calls from the one that runs it. Handlers live until they are
// removed or the loop ends, and may remove themselves.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

struct sd_event;

namespace gpuward::loop {

// One call of a handler.
struct Turn {
  std::string what;  // "timer 1", "descriptor 7", "signal 15"
  Millis took{0};

  bool operator==(const Turn&) const = default;
};

class Loop {
 public:
  static Result<Loop> create();
  // Its clock starts at `now` and moves only by pass().
  static Result<Loop> create_for_test(Boot now);
  ~Loop();
  Loop(Loop&&) noexcept;
  Loop& operator=(Loop&&) = delete;

  using Handler = std::function<void()>;

  // A turn that takes longer than this delays everybody else on the loop.
  static constexpr Millis kLongTurn = 50ms;

  Boot now() const;

  // Called while `fd` is readable or its other end is gone. The loop does not
  // own the descriptor; remove the handler before closing it.
  Result<void> on_readable(int fd, Handler handler);
  void remove(int fd);

  // One timer per name, once; setting it again moves it.
  Result<void> at(int timer, Boot when, Handler handler);
  void cancel(int timer);
  // A name that nobody else has, for timers that come and go.
  int new_timer() { return ++last_timer_; }

  // SIGTERM and SIGINT end the loop instead of the process.
  Result<void> end_on_signals();
  // Called instead of what a signal does otherwise; before other threads start.
  // For as long as the loop is.
  Result<void> on_signal(int signal, Handler handler);

  // The longest turn so far.
  const Turn& longest_turn() const;
  // Called after each turn that took longer than kLongTurn.
  void on_long_turn(std::function<void(const Turn&)> tell);

  // Until end(). An error of the loop itself is the only failure.
  Result<void> run();
  void end();

  // Of a loop for tests: lets that much time pass, timer by timer, and calls
  // the handlers of what is due or readable meanwhile.
  Result<void> pass(Millis time);

 private:
  struct Entry;
  struct State;
  explicit Loop(sd_event* event);
  Result<void> call_what_is_readable();

  // Names below are given out by hand.
  static constexpr int kFirstMade = 1000;

  sd_event* event_;
  int last_timer_ = kFirstMade;
  std::unique_ptr<State> state_;  // stays where it is when the loop is moved
  std::map<int, std::unique_ptr<Entry>> readable_;
  std::map<int, std::unique_ptr<Entry>> timers_;
  std::map<int, std::unique_ptr<Entry>> signals_;
};

}  // namespace gpuward::loop
