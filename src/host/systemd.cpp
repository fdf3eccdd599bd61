#include "host/systemd.h"

#include <fmt/core.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

namespace gpuward::host {
namespace {

constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnits = "/org/freedesktop/systemd1/unit";

struct BusCloser {
  void operator()(sd_bus* bus) const { ::sd_bus_close_unref(bus); }
};
struct MessageCloser {
  void operator()(sd_bus_message* message) const {
    ::sd_bus_message_unref(message);
  }
};
using Bus = std::unique_ptr<sd_bus, BusCloser>;
using Message = std::unique_ptr<sd_bus_message, MessageCloser>;

// sd-bus takes addresses with everything unusual as %xx.
std::string address_of(const std::string& socket) {
  std::string out = "unix:path=";
  for (const char c : socket) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '/' || c == '.' ||
                       c == '-' || c == '_';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// The kinds beyond errno's that a caller may branch on.
std::unexpected<Error> bus_failure(int error_number, const sd_bus_error& said,
                                   const std::string& doing) {
  const std::string name = said.name != nullptr ? said.name : "";
  std::string text = doing;
  if (said.message != nullptr) text += fmt::format(" ({})", said.message);
  if (name == "org.freedesktop.systemd1.NoSuchUnit") {
    return fail(Error::Kind::not_found, text);
  }
  if (name == SD_BUS_ERROR_ACCESS_DENIED) {
    return fail(Error::Kind::denied, text);
  }
  if (error_number == ENOTCONN) {
    return fail(Error::Kind::gone, doing + ": systemd hung up");
  }
  return fail_errno(error_number, text);
}

// libsystemd bounds the reply to a call, but lets the greeting before it take
// 25 s (measured with a frozen systemd).
Result<void> wait_until_ready(sd_bus* bus, Millis patience) {
  const Boot deadline = BootClock::now() + patience;
  while (::sd_bus_is_ready(bus) == 0) {
    const int done = ::sd_bus_process(bus, nullptr);
    if (done < 0) return fail_errno(-done, "greeting systemd");
    const Millis left = deadline - BootClock::now();
    if (left <= 0ms) {
      return fail(Error::Kind::timeout, "systemd does not answer");
    }
    if (done > 0) continue;
    ::sd_bus_wait(bus, static_cast<uint64_t>(left.count()) * 1000);
  }
  return {};
}

// "org.freedesktop.systemd1.Scope", which has the properties of cgroups.
Result<std::string> interface_of(const std::string& unit) {
  for (const auto& [suffix, name] : {std::pair{".scope", "Scope"},
                                     {".service", "Service"},
                                     {".slice", "Slice"}}) {
    if (unit.ends_with(suffix)) {
      return std::string(kSystemd) + "." + name;
    }
  }
  return fail(Error::Kind::unsupported, unit + " has no cgroup");
}

int append_list(sd_bus_message* message, const DeviceAllow& entries) {
  int error = ::sd_bus_message_open_container(message, 'r', "sv");
  if (error >= 0) error = ::sd_bus_message_append(message, "s", "DeviceAllow");
  if (error >= 0) {
    error = ::sd_bus_message_open_container(message, 'v', "a(ss)");
  }
  if (error >= 0) {
    error = ::sd_bus_message_open_container(message, 'a', "(ss)");
  }
  for (const auto& [node, access] : entries) {
    if (error < 0) break;
    error =
        ::sd_bus_message_append(message, "(ss)", node.c_str(), access.c_str());
  }
  for (int level = 0; level < 3 && error >= 0; ++level) {
    error = ::sd_bus_message_close_container(message);
  }
  return error;
}

int read_list(sd_bus_message* message, DeviceAllow& out) {
  int error = ::sd_bus_message_enter_container(message, 'a', "(ss)");
  const char* node = nullptr;
  const char* access = nullptr;
  while (error >= 0) {
    error = ::sd_bus_message_read(message, "(ss)", &node, &access);
    if (error <= 0) break;
    out.emplace_back(node, access);
  }
  return error;
}

// SendSIGKILL=no: stopping the scope (at shutdown, say) asks the prober to end
// and then lets it be; half a second is all that anybody waits for it.
int append_prober(sd_bus_message* message, const std::string& about) {
  const auto pid = static_cast<uint32_t>(::getpid());
  return ::sd_bus_message_append(
      message, "a(sv)", 5, "Description", "s", about.c_str(), "PIDs", "au", 1,
      pid, "SendSIGKILL", "b", 0, "TimeoutStopUSec", "t", uint64_t{500'000},
      "CollectMode", "s", "inactive-or-failed");
}

std::string unit_of(const char* path) {
  char* name = nullptr;
  std::string out;
  if (path != nullptr && ::sd_bus_path_decode(path, kUnits, &name) > 0) {
    out = name;
  }
  ::free(name);  // NOLINT(cppcoreguidelines-no-malloc): sd-bus gave it
  return out;
}

}  // namespace

struct Systemd::Inside {
  Bus bus;
  Millis deadline{0};
  Events events;

  Result<Message> new_call(const char* path, const char* interface,
                           const char* method, const std::string& doing) const {
    sd_bus_message* raw = nullptr;
    const int error = ::sd_bus_message_new_method_call(
        bus.get(), &raw, kSystemd, path, interface, method);
    if (error < 0) return bus_failure(-error, SD_BUS_ERROR_NULL, doing);
    return Message(raw);
  }
  Result<Message> call(const Message& message, const std::string& doing) const {
    sd_bus_error why = SD_BUS_ERROR_NULL;
    sd_bus_message* raw = nullptr;
    const auto usec = static_cast<uint64_t>(deadline.count()) * 1000;
    const int error = ::sd_bus_call(bus.get(), message.get(), usec, &why, &raw);
    Message reply(raw);
    if (error >= 0) return reply;
    auto failed = bus_failure(-error, why, doing);
    ::sd_bus_error_free(&why);
    return failed;
  }
  Result<std::string> path_of(const std::string& unit) const;
  Result<Message> property(const std::string& unit, const char* name,
                           const char* type) const;
  Result<std::string> text_property(const std::string& unit,
                                    const char* name) const;
  // SetUnitProperties with one DeviceAllow for each of `lists`, in order.
  Result<void> set_device_allow(const std::string& unit,
                                const std::vector<DeviceAllow>& lists) const;

  static int heard_reloading(sd_bus_message* message, void* inside,
                             sd_bus_error*);
  static int heard_new(sd_bus_message* message, void* inside, sd_bus_error*);
  static int heard_removed(sd_bus_message* message, void* inside,
                           sd_bus_error*);
  static int heard_changed(sd_bus_message* message, void* inside,
                           sd_bus_error*);
};

// GetUnit, since a property of a unit that is not loaded makes systemd load it,
// with default values.
Result<std::string> Systemd::Inside::path_of(const std::string& unit) const {
  const std::string doing = "asking systemd for " + unit;
  const Message ask = TRY(new_call(kManagerPath, kManager, "GetUnit", doing));
  int error = ::sd_bus_message_append(ask.get(), "s", unit.c_str());
  if (error < 0) return bus_failure(-error, SD_BUS_ERROR_NULL, doing);
  const Message reply = TRY(call(ask, doing));
  const char* path = nullptr;
  error = ::sd_bus_message_read(reply.get(), "o", &path);
  if (error < 0) return bus_failure(-error, SD_BUS_ERROR_NULL, doing);
  return std::string(path);
}

Result<Message> Systemd::Inside::property(const std::string& unit,
                                          const char* name,
                                          const char* type) const {
  const std::string interface = TRY(interface_of(unit));
  const std::string path = TRY(path_of(unit));
  const std::string doing =
      fmt::format("asking systemd for {}'s {}", unit, name);
  const Message ask = TRY(
      new_call(path.c_str(), "org.freedesktop.DBus.Properties", "Get", doing));
  int error = ::sd_bus_message_append(ask.get(), "ss", interface.c_str(), name);
  if (error < 0) return bus_failure(-error, SD_BUS_ERROR_NULL, doing);
  Message reply = TRY(call(ask, doing));
  error = ::sd_bus_message_enter_container(reply.get(), 'v', type);
  if (error < 0) return bus_failure(-error, SD_BUS_ERROR_NULL, doing);
  return reply;
}

Result<std::string> Systemd::Inside::text_property(const std::string& unit,
                                                   const char* name) const {
  const Message reply = TRY(property(unit, name, "s"));
  const char* text = nullptr;
  const int error = ::sd_bus_message_read(reply.get(), "s", &text);
  if (error < 0) return fail_errno(-error, "reading systemd's answer");
  return std::string(text);
}

Result<void> Systemd::Inside::set_device_allow(
    const std::string& unit, const std::vector<DeviceAllow>& lists) const {
  const std::string doing = "setting DeviceAllow of " + unit;
  const Message ask =
      TRY(new_call(kManagerPath, kManager, "SetUnitProperties", doing));
  int error = ::sd_bus_message_append(ask.get(), "sb", unit.c_str(), 1);
  if (error >= 0) {
    error = ::sd_bus_message_open_container(ask.get(), 'a', "(sv)");
  }
  for (const DeviceAllow& list : lists) {
    if (error >= 0) error = append_list(ask.get(), list);
  }
  if (error >= 0) error = ::sd_bus_message_close_container(ask.get());
  if (error < 0) return bus_failure(-error, SD_BUS_ERROR_NULL, doing);
  TRY(call(ask, doing));
  return {};
}

int Systemd::Inside::heard_reloading(sd_bus_message* message, void* inside,
                                     sd_bus_error*) {
  int begins = 0;
  const auto& heard = static_cast<Inside*>(inside)->events.reloading;
  if (::sd_bus_message_read(message, "b", &begins) > 0 && heard) {
    heard(begins != 0);
  }
  return 0;
}

int Systemd::Inside::heard_new(sd_bus_message* message, void* inside,
                               sd_bus_error*) {
  const char* unit = nullptr;
  const auto& heard = static_cast<Inside*>(inside)->events.unit_new;
  if (::sd_bus_message_read(message, "s", &unit) > 0 && heard) heard(unit);
  return 0;
}

int Systemd::Inside::heard_removed(sd_bus_message* message, void* inside,
                                   sd_bus_error*) {
  const char* unit = nullptr;
  const auto& heard = static_cast<Inside*>(inside)->events.unit_removed;
  if (::sd_bus_message_read(message, "s", &unit) > 0 && heard) heard(unit);
  return 0;
}

int Systemd::Inside::heard_changed(sd_bus_message* message, void* inside,
                                   sd_bus_error*) {
  const std::string unit = unit_of(::sd_bus_message_get_path(message));
  const auto& heard = static_cast<Inside*>(inside)->events.unit_changed;
  if (unit.ends_with(".scope") && heard) heard(unit);
  return 0;
}

Systemd::Systemd(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Systemd::~Systemd() = default;
Systemd::Systemd(Systemd&&) noexcept = default;
Systemd& Systemd::operator=(Systemd&&) noexcept = default;

Result<Systemd> Systemd::connect(const Root& self, Millis deadline) {
  const std::string socket = "/run/systemd/private";
  if (const auto there = self.lstat(socket); !there) {
    return fail(there.error().kind,
                "systemd does not run here (" + there.error().text + ")");
  }
  sd_bus* raw = nullptr;
  int error = ::sd_bus_new(&raw);
  auto inside = std::make_unique<Inside>(Inside{Bus(raw), deadline, {}});
  if (error >= 0) {
    error = ::sd_bus_set_address(inside->bus.get(),
                                 address_of(self.outside(socket)).c_str());
  }
  if (error >= 0) error = ::sd_bus_start(inside->bus.get());
  // EAGAIN: systemd accepts nobody, its queue is full.
  if (error == -EAGAIN) {
    return fail(Error::Kind::timeout, "systemd does not answer");
  }
  if (error < 0) return fail_errno(-error, "connecting to systemd");
  TRY_VOID(wait_until_ready(inside->bus.get(), deadline));
  return Systemd(std::move(inside));
}

Result<DeviceAllow> Systemd::device_allow(const std::string& unit) {
  const Message reply = TRY(inside_->property(unit, "DeviceAllow", "a(ss)"));
  DeviceAllow out;
  const int error = read_list(reply.get(), out);
  if (error < 0) return fail_errno(-error, "reading DeviceAllow of " + unit);
  return out;
}

Result<std::string> Systemd::device_policy(const std::string& unit) {
  return inside_->text_property(unit, "DevicePolicy");
}

Result<std::string> Systemd::control_group(const std::string& unit) {
  return inside_->text_property(unit, "ControlGroup");
}

Result<void> Systemd::add_device_allow(const std::string& unit,
                                       const DeviceAllow& entries) {
  // An empty list would be the order to forget all entries.
  if (entries.empty()) {
    return fail(Error::Kind::malformed, "no entries to add to " + unit);
  }
  return inside_->set_device_allow(unit, {entries});
}

Result<void> Systemd::replace_device_allow(const std::string& unit,
                                           const DeviceAllow& entries) {
  if (entries.empty()) {
    return fail(Error::Kind::malformed,
                "an empty list of devices could allow everything to " + unit);
  }
  return inside_->set_device_allow(unit, {DeviceAllow{}, entries});
}

Result<int> Systemd::main_pid(const std::string& unit) {
  const Message reply = TRY(inside_->property(unit, "MainPID", "u"));
  uint32_t pid = 0;
  const int error = ::sd_bus_message_read(reply.get(), "u", &pid);
  if (error < 0) return fail_errno(-error, "reading MainPID of " + unit);
  return static_cast<int>(pid);
}

Result<void> Systemd::restart_unit(const std::string& unit) {
  const std::string doing = "restarting " + unit;
  const Message ask =
      TRY(inside_->new_call(kManagerPath, kManager, "RestartUnit", doing));
  const int error =
      ::sd_bus_message_append(ask.get(), "ss", unit.c_str(), "replace");
  if (error < 0) return fail_errno(-error, doing);
  TRY(inside_->call(ask, doing));
  return {};
}

Result<void> Systemd::start_prober_scope(const std::string& name,
                                         const std::string& about) {
  const std::string doing = "asking for a scope";
  const Message ask = TRY(
      inside_->new_call(kManagerPath, kManager, "StartTransientUnit", doing));
  int error = ::sd_bus_message_append(ask.get(), "ss", name.c_str(), "fail");
  if (error >= 0) error = append_prober(ask.get(), about);
  if (error >= 0) error = ::sd_bus_message_append(ask.get(), "a(sa(sv))", 0);
  if (error < 0) return fail_errno(-error, doing);
  TRY(inside_->call(ask, doing));
  return {};
}

// On its private socket systemd sends every signal to everybody, without
// Subscribe and without match rules (bus_foreach_bus: "Send to all direct
// buses, unconditionally"); these matches are local.
Result<void> Systemd::subscribe(Events events) {
  inside_->events = std::move(events);
  sd_bus* bus = inside_->bus.get();
  int error = 0;
  for (const auto& [name, heard] :
       {std::pair{"Reloading", &Inside::heard_reloading},
        {"UnitNew", &Inside::heard_new},
        {"UnitRemoved", &Inside::heard_removed}}) {
    if (error < 0) break;
    error = ::sd_bus_match_signal(bus, nullptr, nullptr, kManagerPath, kManager,
                                  name, heard, inside_.get());
  }
  if (error >= 0) {
    error = ::sd_bus_match_signal(
        bus, nullptr, nullptr, nullptr, "org.freedesktop.DBus.Properties",
        "PropertiesChanged", &Inside::heard_changed, inside_.get());
  }
  if (error < 0) return fail_errno(-error, "listening to systemd");
  return {};
}

int Systemd::fd() const { return ::sd_bus_get_fd(inside_->bus.get()); }

Result<void> Systemd::process() {
  int done = 1;
  while (done > 0) done = ::sd_bus_process(inside_->bus.get(), nullptr);
  if (done == -ENOTCONN || done == -ECONNRESET || done == -EPIPE ||
      ::sd_bus_is_open(inside_->bus.get()) <= 0) {
    return fail(Error::Kind::gone, "systemd hung up");
  }
  if (done < 0) return fail_errno(-done, "listening to systemd");
  return {};
}

}  // namespace gpuward::host
