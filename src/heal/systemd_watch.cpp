#include "heal/systemd_watch.h"

#include <fcntl.h>

#include <utility>

namespace gpuward::heal {
namespace {

// systemd writes a unit's properties down, then applies them.
constexpr Millis kApplies = 10ms;
constexpr Millis kReconnect = 100ms;
constexpr Millis kReconnectSlowly = 5s;

}  // namespace

SystemdWatch::SystemdWatch(const host::Host& host, loop::Loop& loop,
                           int first_timer, Heard heard)
    : host_(host),
      loop_(loop),
      connect_timer_(first_timer),
      written_timer_(first_timer + 1),
      heard_(std::move(heard)) {}

void SystemdWatch::start() {
  if (host_.simulated || !host_.evidence.is_machine()) return;
  watch_scopes();
  connect();
}

void SystemdWatch::add(const std::string& unit) {
  if (scopes_) scopes_->add(unit);
}

void SystemdWatch::set_timer(int timer, Millis in,
                             void (SystemdWatch::*handler)()) {
  // A timer that cannot be set is a loop that is out of order; it then ends.
  const auto set = loop_.at(timer, loop_.now() + in,
                            [this, handler] { (this->*handler)(); });
  if (!set) loop_.end();
}

void SystemdWatch::connect() {
  auto bus = host::Systemd::connect(host_.self);
  Result<void> subscribed = {};
  if (bus) {
    systemd_ = std::make_unique<host::Systemd>(std::move(*bus));
    const auto scope = [this](const std::string& unit) {
      if (unit.ends_with(".scope")) heard_.scope(unit);
    };
    subscribed = systemd_->subscribe({.reloading =
                                          [this](bool begins) {
                                            if (!begins) heard_.reloaded();
                                          },
                                      .unit_new = scope,
                                      .unit_removed = scope,
                                      .unit_changed = scope});
  }
  if (!bus || !subscribed) {
    const Error& why = bus ? subscribed.error() : bus.error();
    systemd_.reset();
    if (!std::exchange(told_, true)) heard_.lost(why.text);
    set_timer(connect_timer_, kReconnectSlowly, &SystemdWatch::connect);
    return;
  }
  heard_.missed();
  told_ = false;
  watched_ = Fd(::fcntl(systemd_->fd(), F_DUPFD_CLOEXEC, 0));
  if (!loop_.on_readable(watched_.get(), [this] { on_bus(); })) loop_.end();
}

void SystemdWatch::on_bus() {
  if (systemd_->process()) return;
  // A daemon-reexec hangs up on everybody.
  loop_.remove(watched_.get());
  watched_.reset();
  systemd_.reset();
  heard_.missed();
  set_timer(connect_timer_, kReconnect, &SystemdWatch::connect);
}

void SystemdWatch::watch_scopes() {
  auto watch = ScopeWatch::create(host_.evidence);
  if (!watch) {
    heard_.lost(watch.error().text);
    return;
  }
  scopes_ = std::make_unique<ScopeWatch>(std::move(*watch));
  if (!loop_.on_readable(scopes_->fd(), [this] { on_written(); })) loop_.end();
}

void SystemdWatch::on_written() {
  if (written_.empty()) {
    set_timer(written_timer_, kApplies, &SystemdWatch::tell_written);
  }
  written_.merge(scopes_->take());
}

void SystemdWatch::tell_written() {
  heard_.written(std::exchange(written_, {}));
}

}  // namespace gpuward::heal
