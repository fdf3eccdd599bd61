// A session with one prober, seen from its supervisor. Nothing here waits: the
// owner polls fd() for reading and calls receive(), and looks at describe()
// when time has passed.
//
// Thread: one. Ending the Session object does not end the prober; call
// dismiss(), or let it find its socket closed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/host.h"
#include "model/snapshot.h"
#include "probe/launch.h"
#include "probe/progress.h"
#include "probe/protocol.h"

namespace gpuward::probe {

class Session {
 public:
  // Takes the slot over and starts a prober in it.
  static Result<Session> start(const host::Host& host, Slot slot,
                               ProberSettings settings);

  int fd() const { return launched_.socket.get(); }

  // Sends a request; its number. Fails with Error::gone once the prober died,
  // with Error::busy when it does not take requests.
  Result<uint64_t> ask(Request request);

  // Every frame that has arrived. After the prober died or talked nonsense,
  // broken() says so.
  std::vector<Frame> receive();
  const std::optional<Error>& broken() const { return broken_; }

  // The record; nothing before the prober wrote its first.
  std::optional<Progress> progress() const { return map_.read(); }

  // Lets go of a healthy prober: asks it to quit and waits for at most `grace`.
  // True once it is gone.
  bool dismiss(Millis grace);

  // True once the process is gone; reaps it. Never waits.
  bool reap();

 private:
  Session(Launched launched, ProgressMap map);
  void wait_for_end(Millis grace) const;

  Launched launched_;
  ProgressMap map_;
  uint64_t last_request_ = 0;
  std::optional<Error> broken_;
};

}  // namespace gpuward::probe
