#include "base/side_thread.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace gpuward {

struct SideThread::State {
  explicit State(size_t most) : at_most(most) {}

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return is_ending || !tasks.empty(); });
      if (tasks.empty()) break;
      const Task task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
    is_done = true;
    changed.notify_all();
  }

  const size_t at_most;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Task> tasks;
  bool is_ending = false;
  bool is_done = false;
  std::thread thread;
};

// Referred to by somebody for as long as the process lives, and so no leak.
void SideThread::keep_for_good(std::unique_ptr<State> state) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::unique_ptr<State>>;
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(state));
}

SideThread::SideThread(size_t at_most)
    : state_(std::make_unique<State>(at_most)) {
  state_->thread = std::thread([state = state_.get()] { state->work(); });
}

SideThread::~SideThread() { finish(); }

bool SideThread::finish() {
  if (!state_) return is_finished_;
  std::unique_lock lock(state_->mutex);
  state_->is_ending = true;
  state_->changed.notify_all();
  is_finished_ = state_->changed.wait_for(lock, kFarewell,
                                          [this] { return state_->is_done; });
  lock.unlock();
  if (is_finished_) {
    state_->thread.join();
    state_.reset();
  } else {
    state_->thread.detach();
    keep_for_good(std::move(state_));  // the thread still uses it
  }
  return is_finished_;
}

bool SideThread::post(Task task) {
  if (!state_) return false;
  const std::lock_guard lock(state_->mutex);
  if (state_->tasks.size() >= state_->at_most) return false;
  state_->tasks.push_back(std::move(task));
  state_->changed.notify_all();
  return true;
}

}  // namespace gpuward
