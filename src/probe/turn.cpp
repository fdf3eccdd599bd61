#include "probe/turn.h"

#include <poll.h>
#include <unistd.h>

#include "probe/release.h"
#include "probe/slot.h"
#include "snapshot/wire.h"

namespace gpuward::probe {
namespace {

// An agent looks once a second whether the driver is released.
constexpr Millis kLettingGo = 3s;
// For its end, should we be killed.
constexpr Millis kSpare = 5s;

class OwnRelease {
 public:
  explicit OwnRelease(const host::Host& host) : host_(host) {}
  ~OwnRelease() { static_cast<void>(end_release(host_)); }
  OwnRelease(const OwnRelease&) = delete;
  OwnRelease& operator=(const OwnRelease&) = delete;

 private:
  const host::Host& host_;
};

bool is_idle(const host::Host& host) {
  const auto holder = holder_of(host, 1);
  return holder && holder->progress && !holder->progress->in_call;
}

void wait_until_free(const host::Host& host) {
  constexpr int kLook = 50;
  const Boot end = BootClock::now() + kLettingGo;
  while (holder_of(host, 1) && BootClock::now() < end) {
    ::poll(nullptr, 0, kLook);
  }
}

}  // namespace

Result<FilesAsked> ask_in_turn(const host::Host& host,
                               const std::vector<Request>& requests,
                               Millis patience, double factor) {
  if (const auto released = released_until(host, wall_now())) {
    return fail(Error::Kind::busy, in_words(*released));
  }
  auto asked = ask_files(host, requests, patience, factor);
  if (asked || asked.error().kind != Error::Kind::busy || !is_idle(host) ||
      !snapshot::agent_listens(host)) {
    return asked;
  }
  const Released ours{wall_now() + kLettingGo + patience + kSpare, ::getpid()};
  if (!write_release(host, ours)) return asked;
  const OwnRelease ends_with_this(host);
  wait_until_free(host);
  return ask_files(host, requests, patience, factor);
}

}  // namespace gpuward::probe
