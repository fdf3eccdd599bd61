#include "loop/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace gpuward::loop {

Result<std::unique_ptr<Inbox>> Inbox::open(Loop& loop) {
  Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return fail_errno(errno, "making an eventfd");
  std::unique_ptr<Inbox> inbox(new Inbox(loop, std::move(event)));
  Inbox* self = inbox.get();
  TRY_VOID(loop.on_readable(self->event_.get(), [self] { self->drain(); }));
  return inbox;
}

Inbox::Inbox(Loop& loop, Fd event) : loop_(loop), event_(std::move(event)) {}

Inbox::~Inbox() {
  loop_.remove(event_.get());
  if (is_gone_ != nullptr) *is_gone_ = true;
}

void Inbox::post(Task task) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(task));
  if (waiting_.size() > 1) return;  // it is readable already
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its end.
  (void)!::write(event_.get(), &one, sizeof one);
}

void Inbox::drain() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    uint64_t count = 0;
    (void)!::read(event_.get(), &count, sizeof count);
    tasks.swap(waiting_);
  }
  bool is_gone = false;
  is_gone_ = &is_gone;
  for (Task& task : tasks) {
    task();
    if (is_gone) return;
  }
  is_gone_ = nullptr;
}

}  // namespace gpuward::loop
