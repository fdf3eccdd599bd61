#include "probe/placement.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/text.h"
#include "base/time.h"

namespace gpuward::probe {
namespace {

constexpr uint64_t kBusDeadlineUsec = 2'000'000;

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

// SendSIGKILL=no: stopping the scope (at shutdown, say) asks the prober to end
// and then lets it be; half a second is all that anybody waits for it.
int append_properties(sd_bus_message* message, const std::string& about) {
  const auto pid = static_cast<uint32_t>(::getpid());
  return ::sd_bus_message_append(
      message, "a(sv)", 5, "Description", "s", about.c_str(), "PIDs", "au", 1,
      pid, "SendSIGKILL", "b", 0, "TimeoutStopUSec", "t", uint64_t{500'000},
      "CollectMode", "s", "inactive-or-failed");
}

// libsystemd bounds the reply to a call, but lets the greeting before it take
// 25 s (measured with a frozen systemd).
Result<void> wait_until_ready(sd_bus* bus) {
  const Boot deadline = BootClock::now() + Millis(kBusDeadlineUsec / 1000);
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

Result<void> start_scope(const std::string& name, const std::string& about) {
  // systemd's own socket, for root: a dead or frozen bus daemon is not in the
  // way, and there is no Hello to wait for.
  sd_bus* raw_bus = nullptr;
  int error = ::sd_bus_new(&raw_bus);
  const Bus bus(raw_bus);
  if (error >= 0) {
    error = ::sd_bus_set_address(bus.get(), "unix:path=/run/systemd/private");
  }
  if (error >= 0) error = ::sd_bus_start(bus.get());
  if (error < 0) return fail_errno(-error, "connecting to systemd");
  TRY_VOID(wait_until_ready(bus.get()));
  sd_bus_message* raw_call = nullptr;
  error = ::sd_bus_message_new_method_call(
      bus.get(), &raw_call, "org.freedesktop.systemd1",
      "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
      "StartTransientUnit");
  const Message call(raw_call);
  if (error >= 0) {
    error = ::sd_bus_message_append(call.get(), "ss", name.c_str(), "fail");
  }
  if (error >= 0) error = append_properties(call.get(), about);
  if (error >= 0) error = ::sd_bus_message_append(call.get(), "a(sa(sv))", 0);
  if (error < 0) return fail_errno(-error, "asking for a scope");

  sd_bus_error why = SD_BUS_ERROR_NULL;
  error = ::sd_bus_call(bus.get(), call.get(), kBusDeadlineUsec, &why, nullptr);
  const std::string text = why.message != nullptr ? why.message : "";
  ::sd_bus_error_free(&why);
  if (error < 0) return fail_errno(-error, "asking for a scope (" + text + ")");
  return {};
}

// The call returns when the job is queued; the move comes with the job.
bool wait_until_moved(const Root& self, const std::string& name) {
  constexpr int kTries = 100;
  constexpr timespec kPause{0, 10'000'000};
  for (int i = 0; i < kTries; ++i) {
    const auto where = self.read("/proc/self/cgroup");
    if (where && where->find(name) != std::string::npos) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

Result<std::string> enter_scope(const Root& self, int slot) {
  const std::string name =
      fmt::format("gpuward-prober-{}-{}.scope", slot, ::getpid());
  TRY_VOID(start_scope(name, fmt::format("gpuward prober {}", slot)));
  if (!wait_until_moved(self, name)) {
    return fail(Error::Kind::timeout, "systemd did not move the prober");
  }
  return "scope " + name;
}

Result<std::string> enter_cgroup(const Root& self) {
  // Unified first, then the hybrid layout's second tree.
  for (const std::string mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (!self.exists(mount + "/cgroup.procs")) continue;
    const std::string path = self.outside(mount + "/gpuward-prober");
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail_errno(errno, "making " + path);
    }
    const Fd procs(
        ::open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!procs.valid() || ::write(procs.get(), "0", 1) != 1) {
      return fail_errno(errno, "entering " + path);
    }
    return "cgroup " + path;
  }
  return fail(Error::Kind::not_found, "no cgroup v2 here");
}

}  // namespace

std::string place_self(const Root& self, int slot, bool simulated) {
  if (::geteuid() != 0) return "none: not root";
  std::string why;
  if (!simulated && ::sd_booted() > 0) {
    auto scope = enter_scope(self, slot);
    if (scope) return *scope;
    why = scope.error().text;
  }
  auto cgroup = enter_cgroup(self);
  if (!cgroup) {
    return "none: " + why + (why.empty() ? "" : "; ") + cgroup.error().text;
  }
  return why.empty() ? *cgroup : *cgroup + " (no scope: " + why + ")";
}

}  // namespace gpuward::probe
