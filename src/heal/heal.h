// Stays, protects containers at risk as they start, and heals those that lost
// their GPU: on systemd's own signals, not by polling. `gpuward containers
// --heal` and the agent call the same.
//
//   systemd has reloaded       → every container that it hit
//   a scope is new or changed  → that container
//   properties of it were set  → that container (docker update)
//   every ten seconds          → all, for what sends no signal (cgroupfs)
//
// Without `apply` it says what it would do. A container whose access is taken
// away again and again is left alone after a few times, and said why: whoever
// does that (a static CPU manager) must be stopped first.
//
// Thread: that of the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/catalogue.h"
#include "host/host.h"
#include "loop/loop.h"
#include "model/container.h"
#include "model/plan.h"

namespace gpuward::heal {

struct HealEvent {
  enum class Kind {
    seen,     // a container, or its state, is new
    would,    // not done: without apply
    outcome,  // done, or not; see `outcome`
    left,     // healed too often, or cannot be healed; `text` says why
    gone,     // the container has ended
    systemd,  // "systemd reloads", "the connection to systemd was lost"
    unknown,  // what could not be looked at; `text` says why
  };
  Kind kind = Kind::seen;
  Wall at{};
  std::string text;
  std::optional<Container> container;
  std::optional<Outcome> outcome;
};

class Healer {
 public:
  struct Settings {
    bool heal = true;  // false: only watch
    bool apply = false;
    Millis sweep = 10s;  // between two looks at everything
    // So many times in `window` a container is healed again.
    int most_heals = 5;
    Millis window = 10min;
  };
  using Tell = std::function<void(const HealEvent&)>;

  Healer(const host::Host& host, const diagnosis::Catalogue& catalogue,
         loop::Loop& loop, Settings settings, Tell tell);
  ~Healer();
  Healer(const Healer&) = delete;
  Healer& operator=(const Healer&) = delete;

  // Looks at everything once, then waits for events in the loop. Fails where
  // it could never act (why_not_to_act); no systemd is no failure, it then
  // goes by the sweep.
  Result<void> start();
  const std::vector<Container>& containers() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace gpuward::heal
