// A thread for what may stall and must hold nobody up: a file on a disk that is
// frozen, a pipe that nobody empties. In order, and bounded: what does not fit
// is refused, never waited for.
//
// Thread: post() from any, finish() and the destructor from one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/time.h"

namespace gpuward {

class SideThread {
 public:
  using Task = std::function<void()>;

  explicit SideThread(size_t at_most);
  // finish(). Where that fails, what the task under way refers to must live as
  // long as the process.
  ~SideThread();
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  static constexpr Millis kFarewell{500};

  // False where `at_most` tasks wait already; the task is then dropped.
  bool post(Task task);

  // Takes nothing more, and gives what waits `kFarewell` to be done. False
  // where the thread is stuck even then; it is left behind.
  bool finish();

 private:
  struct State;
  static void keep_for_good(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;  // null once finished
  bool is_finished_ = false;
};

}  // namespace gpuward
