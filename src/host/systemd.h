// systemd by its private socket, for root: no bus daemon is in the way. Every
// call has a deadline. The only user of sd-bus.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "host/root.h"

namespace gpuward::host {

// One entry of DeviceAllow: "/dev/char/195:0" and "rw".
using DeviceAllow = std::vector<std::pair<std::string, std::string>>;

class Systemd {
 public:
  // Error::not_found where this machine has no systemd running,
  // Error::denied without root, Error::timeout where it does not answer.
  static Result<Systemd> connect(const Root& self, Millis deadline = 2s);
  ~Systemd();
  Systemd(Systemd&&) noexcept;
  Systemd& operator=(Systemd&&) noexcept;

  // As systemd holds them now. Error::not_found for a unit that is not loaded.
  Result<DeviceAllow> device_allow(const std::string& unit);
  Result<std::string> device_policy(const std::string& unit);
  // "/system.slice/docker-….scope"; empty while it has none.
  Result<std::string> control_group(const std::string& unit);
  // Appends to the unit's list, until the unit goes (SetUnitProperties with
  // runtime=true: transient; no daemon-reload takes place). systemd says yes to
  // entries that do nothing: look whether it helped.
  Result<void> add_device_allow(const std::string& unit,
                                const DeviceAllow& entries);
  // Empties the list and fills it with these, in one call: no moment in which
  // the unit has the wrong list. Refused (Error::malformed) with no entries,
  // since an empty list can mean "everything" (cgroup v1, policy auto).
  Result<void> replace_device_allow(const std::string& unit,
                                    const DeviceAllow& entries);
  // The first process of a service; 0 while it has none.
  Result<int> main_pid(const std::string& unit);
  // Asks for the restart, and does not wait for it: see main_pid(). No reload
  // takes place: the unit is started as systemd knows it.
  Result<void> restart_unit(const std::string& unit);
  // StartTransientUnit for a scope with this process in it; see
  // probe/placement.cpp. The move comes after the answer.
  Result<void> start_prober_scope(const std::string& name,
                                  const std::string& about);

  // What is told of systemd's own changes, after subscribe(). They are called
  // from process(), and must not throw nor destroy this object.
  struct Events {
    std::function<void(bool begins)> reloading;
    std::function<void(const std::string& unit)> unit_new;
    std::function<void(const std::string& unit)> unit_removed;
    // Properties of a scope changed: an update of its container, say.
    std::function<void(const std::string& unit)> unit_changed;
  };
  Result<void> subscribe(Events events);
  // For the loop: readable when process() has something to do. Call process()
  // once after subscribe() too, and after every other call: what arrived
  // before an answer is kept inside.
  int fd() const;
  // Handles what has arrived, never waits. Error::gone where systemd hung up
  // (daemon-reexec does): connect anew.
  Result<void> process();

 private:
  struct Inside;
  explicit Systemd(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace gpuward::host
