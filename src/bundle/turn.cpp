#include "bundle/turn.h"

#include <poll.h>
#include <unistd.h>

#include "agent/release.h"
#include "agent/wire.h"
#include "probe/slot.h"

namespace gpuward::bundle {
namespace {

// An agent looks once a second whether the driver is released.
constexpr Millis kLettingGo = 3s;
// For its end, should we be killed.
constexpr Millis kSpare = 5s;

class OwnRelease {
 public:
  explicit OwnRelease(const Host& host) : host_(host) {}
  ~OwnRelease() { static_cast<void>(end_release(host_)); }
  OwnRelease(const OwnRelease&) = delete;
  OwnRelease& operator=(const OwnRelease&) = delete;

 private:
  const Host& host_;
};

bool is_idle(const Host& host) {
  const auto holder = probe::holder_of(host, 1);
  return holder && holder->progress && !holder->progress->in_call;
}

void wait_until_free(const Host& host) {
  constexpr int kLook = 50;
  const Boot end = BootClock::now() + kLettingGo;
  while (probe::holder_of(host, 1) && BootClock::now() < end) {
    ::poll(nullptr, 0, kLook);
  }
}

}  // namespace

Result<probe::FilesAsked> ask_in_turn(
    const Host& host, const std::vector<probe::Request>& requests,
    Millis patience, double factor) {
  if (const auto released = released_until(host, wall_now())) {
    return fail(Error::Kind::busy, in_words(*released));
  }
  auto asked = probe::ask_files(host, requests, patience, factor);
  if (asked || asked.error().kind != Error::Kind::busy || !is_idle(host) ||
      !agent_listens(host)) {
    return asked;
  }
  const Released ours{wall_now() + kLettingGo + patience + kSpare, ::getpid()};
  if (!write_release(host, ours)) return asked;
  const OwnRelease ends_with_this(host);
  wait_until_free(host);
  return probe::ask_files(host, requests, patience, factor);
}

}  // namespace gpuward::bundle
