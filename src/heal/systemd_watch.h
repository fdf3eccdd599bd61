// What systemd does to units, as it happens: reloads, scopes that come and go,
// and properties that somebody sets (scope_watch.h). Connects again by itself
// after a daemon-reexec, or once systemd answers at all.
//
// Thread: that of the loop. A connection or a call that systemd does not answer
// holds the loop up for two seconds at most.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "heal/scope_watch.h"
#include "host/host.h"
#include "host/systemd.h"
#include "loop/loop.h"

namespace gpuward::heal {

class SystemdWatch {
 public:
  struct Heard {
    std::function<void()> reloaded;
    // Nobody listened for a while (a daemon-reexec, which applies all lists
    // anew, or a lost connection): anything may have happened.
    std::function<void()> missed;
    // It is new, has changed or is gone.
    std::function<void(const std::string& unit)> scope;
    // Somebody has set properties of these units, and they are applied.
    std::function<void(const std::set<std::string>& units)> written;
    // Why less is heard than should be, once for each loss.
    std::function<void(const std::string& why)> lost;
  };

  // Uses the timers `first_timer` and the one after it.
  SystemdWatch(const host::Host& host, loop::Loop& loop, int first_timer,
               Heard heard);

  // Does nothing on a simulated node, or one that is not this machine.
  void start();
  void add(const std::string& unit);

 private:
  void connect();
  void on_bus();
  void watch_scopes();
  void on_written();
  void tell_written();
  void set_timer(int timer, Millis in, void (SystemdWatch::*handler)());

  const host::Host& host_;
  loop::Loop& loop_;
  const int connect_timer_;
  const int written_timer_;
  Heard heard_;
  std::unique_ptr<host::Systemd> systemd_;
  // Its descriptor once more: the bus library closes its own when systemd hangs
  // up, before the loop can be told.
  Fd watched_;
  std::unique_ptr<ScopeWatch> scopes_;
  std::set<std::string> written_;  // until it is applied
  bool told_ = false;
};

}  // namespace gpuward::heal
