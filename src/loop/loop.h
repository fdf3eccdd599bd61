// The event loop: a thin layer over sd-event for one thread. No handler may
// block; what could, happens in the prober.
//
// Thread: all calls from the one that runs it. Handlers live until they are
// removed or the loop ends, and may remove themselves.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "base/time.h"

struct sd_event;

namespace gpuward::loop {

class Loop {
 public:
  static Result<Loop> create();
  ~Loop();
  Loop(Loop&&) noexcept;
  Loop& operator=(Loop&&) = delete;

  using Handler = std::function<void()>;

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

  // Until end(). An error of the loop itself is the only failure.
  Result<void> run();
  void end();

 private:
  struct Entry;
  explicit Loop(sd_event* event);

  // Names below are given out by hand.
  static constexpr int kFirstMade = 1000;

  sd_event* event_;
  int last_timer_ = kFirstMade;
  std::map<int, std::unique_ptr<Entry>> readable_;
  std::map<int, std::unique_ptr<Entry>> timers_;
  std::map<int, std::unique_ptr<Entry>> signals_;
};

}  // namespace gpuward::loop
