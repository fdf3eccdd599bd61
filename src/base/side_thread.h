// A thread for what may stall and must hold nobody up: a file on a disk that is
// frozen, a pipe that nobody empties. In order, and bounded: what does not fit
// is refused, never waited for.
//
// Thread: post() from any.
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
  // Gives what waits `kFarewell` to be done. A thread that is stuck even then
  // is left behind: what its task refers to must live as long as the process.
  ~SideThread();
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  static constexpr Millis kFarewell{500};

  // False where `at_most` tasks wait already; the task is then dropped.
  bool post(Task task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpuward
