// The one way from other threads (those of a library) onto the loop's: what is
// posted is run there, in order. Who owns an inbox may destroy it at any time
// on the loop's thread, also from within what it runs; what was posted and has
// not run then never runs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "loop/loop.h"

namespace gpuward::loop {

class Inbox {
 public:
  using Task = std::move_only_function<void()>;

  // `loop` must outlive it.
  static Result<std::unique_ptr<Inbox>> open(Loop& loop);
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread, while the inbox exists.
  void post(Task task);

 private:
  Inbox(Loop& loop, Fd event);
  void drain();

  Loop& loop_;
  Fd event_;  // an eventfd: readable while something waits
  std::mutex mutex_;
  std::vector<Task> waiting_;  // guarded by mutex_
  bool* is_gone_ = nullptr;    // of the drain() under way
};

}  // namespace gpuward::loop
