#include "loop/loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>

#include "loop/watchful.h"

namespace gpuward::loop {

// What handlers need while the loop itself may have been moved.
struct Loop::State {
  std::optional<Boot> set_now;  // of a loop for tests
  SpinWatch spins;
  Turn longest;
  std::function<void(const Turn&)> tell_long_turn;
};

// sd-event's source and what to call. `handler` is copied before it is called,
// since it may remove this entry.
struct Loop::Entry {
  sd_event_source* source = nullptr;
  State* state = nullptr;
  const char* kind = "";
  int number = 0;
  Handler handler;
  Boot when{};                          // of a timer
  std::optional<FileIdentity> watched;  // of a descriptor

  Entry(State* of, const char* what, int which, Handler to_call)
      : state(of), kind(what), number(which), handler(std::move(to_call)) {}
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() { ::sd_event_source_disable_unref(source); }

  static int call(void* entry) {
    const Entry& self = *static_cast<Entry*>(entry);
    const Handler handler = self.handler;
    State& state = *self.state;
    Turn turn{.what =
                  std::string(self.kind) + " " + std::to_string(self.number)};
    // Real time, also where a test has set the clock: how long it took.
    const auto began = std::chrono::steady_clock::now();
    handler();
    turn.took = std::chrono::duration_cast<Millis>(
        std::chrono::steady_clock::now() - began);
    if (turn.took > state.longest.took) state.longest = turn;
    if (turn.took > kLongTurn && state.tell_long_turn) {
      state.tell_long_turn(turn);
    }
    return 0;
  }

  static int call_timer(void* entry) {
    State& state = *static_cast<Entry*>(entry)->state;
    state.spins.fires(static_cast<Entry*>(entry)->number);
    const int result = call(entry);
    state.spins.has_fired();
    return result;
  }
};

Loop::Loop(sd_event* event)
    : event_(event), state_(std::make_unique<State>()) {}

Loop::Loop(Loop&& other) noexcept
    : event_(std::exchange(other.event_, nullptr)),
      last_timer_(other.last_timer_),
      state_(std::move(other.state_)),
      readable_(std::move(other.readable_)),
      timers_(std::move(other.timers_)),
      signals_(std::move(other.signals_)) {}

Loop::~Loop() {
  readable_.clear();
  timers_.clear();
  signals_.clear();
  ::sd_event_unref(event_);
}

Result<Loop> Loop::create() {
  sd_event* event = nullptr;
  const int error = ::sd_event_new(&event);
  if (error < 0) return fail_errno(-error, "making an event loop");
  return Loop(event);
}

Result<Loop> Loop::create_for_test(Boot now) {
  Loop loop = TRY(create());
  loop.state_->set_now = now;
  return loop;
}

Boot Loop::now() const {
  return state_->set_now ? *state_->set_now : BootClock::now();
}

const Turn& Loop::longest_turn() const { return state_->longest; }

void Loop::on_long_turn(std::function<void(const Turn&)> tell) {
  state_->tell_long_turn = std::move(tell);
}

Result<void> Loop::on_readable(int fd, Handler handler) {
  auto entry = std::make_unique<Entry>(state_.get(), "descriptor", fd,
                                       std::move(handler));
  entry->watched = identity_of(fd);
  const int error = ::sd_event_add_io(
      event_, &entry->source, fd, EPOLLIN | EPOLLHUP,
      [](sd_event_source*, int, uint32_t, void* data) {
        return Entry::call(data);
      },
      entry.get());
  if (error < 0) return fail_errno(-error, "watching a descriptor");
  readable_[fd] = std::move(entry);
  return {};
}

void Loop::remove(int fd) {
  const auto entry = readable_.find(fd);
  if (entry == readable_.end()) return;
  if (identity_of(fd) != entry->second->watched) {
    complain("descriptor " + std::to_string(fd) +
             " was closed before its handler was removed");
  }
  readable_.erase(entry);
}

Result<void> Loop::at(int timer, Boot when, Handler handler) {
  if (state_->spins.spins(timer, when, now())) {
    complain("timer " + std::to_string(timer) +
             " sets itself to \"at once\" again and again");
  }
  auto entry =
      std::make_unique<Entry>(state_.get(), "timer", timer, std::move(handler));
  entry->when = when;
  if (!state_->set_now) {
    const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(
        when.time_since_epoch());
    const int error = ::sd_event_add_time(
        event_, &entry->source, CLOCK_BOOTTIME,
        static_cast<uint64_t>(usec.count()), 1000,
        [](sd_event_source*, uint64_t, void* data) {
          return Entry::call_timer(data);
        },
        entry.get());
    if (error < 0) return fail_errno(-error, "setting a timer");
  }
  timers_[timer] = std::move(entry);
  return {};
}

void Loop::cancel(int timer) { timers_.erase(timer); }

Result<void> Loop::end_on_signals() {
  // Not by `this`: a loop may be moved before it runs.
  const Handler end = [event = event_] { ::sd_event_exit(event, 0); };
  TRY_VOID(on_signal(SIGTERM, end));
  return on_signal(SIGINT, end);
}

Result<void> Loop::on_signal(int signal, Handler handler) {
  sigset_t alone;
  ::sigemptyset(&alone);
  ::sigaddset(&alone, signal);
  if (::sigprocmask(SIG_BLOCK, &alone, nullptr) != 0) {
    return fail_errno(errno, "blocking a signal");
  }
  auto entry = std::make_unique<Entry>(state_.get(), "signal", signal,
                                       std::move(handler));
  const int error = ::sd_event_add_signal(
      event_, &entry->source, signal,
      [](sd_event_source*, const signalfd_siginfo*, void* data) {
        return Entry::call(data);
      },
      entry.get());
  if (error < 0) return fail_errno(-error, "watching for a signal");
  signals_[signal] = std::move(entry);
  return {};
}

Result<void> Loop::run() {
  const int error = ::sd_event_loop(event_);
  if (error < 0) return fail_errno(-error, "running the event loop");
  return {};
}

void Loop::end() { ::sd_event_exit(event_, 0); }

Result<void> Loop::call_what_is_readable() {
  for (int more = 1; more > 0;) {
    more = ::sd_event_run(event_, 0);
    if (more < 0) return fail_errno(-more, "running the event loop");
  }
  return {};
}

Result<void> Loop::pass(Millis time) {
  const Boot end = now() + time;
  for (;;) {
    TRY_VOID(call_what_is_readable());
    const auto next = std::ranges::min_element(
        timers_, {}, [](const auto& timer) { return timer.second->when; });
    if (next == timers_.end() || next->second->when > end) break;
    state_->set_now = std::max(now(), next->second->when);
    // It fires once; its handler may set the same name again.
    const std::unique_ptr<Entry> due = std::move(next->second);
    timers_.erase(next);
    Entry::call_timer(due.get());
  }
  state_->set_now = end;
  return call_what_is_readable();
}

}  // namespace gpuward::loop
