#include "loop/loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>

#include <cerrno>
#include <csignal>

namespace gpuward::loop {

// sd-event's source and what to call. `handler` is copied before it is called,
// since it may remove this entry.
struct Loop::Entry {
  sd_event_source* source = nullptr;
  Handler handler;

  Entry() = default;
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() { ::sd_event_source_disable_unref(source); }

  static int call(void* entry) {
    const Handler handler = static_cast<Entry*>(entry)->handler;
    handler();
    return 0;
  }
};

Loop::Loop(sd_event* event) : event_(event) {}

Loop::Loop(Loop&& other) noexcept
    : event_(std::exchange(other.event_, nullptr)),
      last_timer_(other.last_timer_),
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

Result<void> Loop::on_readable(int fd, Handler handler) {
  auto entry = std::make_unique<Entry>();
  entry->handler = std::move(handler);
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

void Loop::remove(int fd) { readable_.erase(fd); }

Result<void> Loop::at(int timer, Boot when, Handler handler) {
  auto entry = std::make_unique<Entry>();
  entry->handler = std::move(handler);
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(
      when.time_since_epoch());
  const int error = ::sd_event_add_time(
      event_, &entry->source, CLOCK_BOOTTIME,
      static_cast<uint64_t>(usec.count()), 1000,
      [](sd_event_source*, uint64_t, void* data) { return Entry::call(data); },
      entry.get());
  if (error < 0) return fail_errno(-error, "setting a timer");
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
  auto entry = std::make_unique<Entry>();
  entry->handler = std::move(handler);
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

}  // namespace gpuward::loop
