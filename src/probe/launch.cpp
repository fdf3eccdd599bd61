#include "probe/launch.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/text.h"
#include "host/child.h"

namespace gpuward::probe {
namespace {

// All that a prober inherits of the environment. LD_LIBRARY_PATH stays out: the
// library is loaded by its full path.
constexpr std::array<const char*, 4> kKeptEnvironment = {
    "PATH", "GPUWARD_SIM", "GPUWARD_SIM_DEV", "ASAN_OPTIONS"};

std::vector<std::string> kept_environment() {
  std::vector<std::string> out;
  for (const char* name : kKeptEnvironment) {
    // Only read before the child is made; no other thread changes it.
    const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr) out.push_back(fmt::format("{}={}", name, value));
  }
  return out;
}

std::optional<std::string_view> value_of(std::string_view argument,
                                         std::string_view name) {
  if (!argument.starts_with(name) || argument.size() <= name.size() ||
      argument[name.size()] != '=') {
    return std::nullopt;
  }
  return argument.substr(name.size() + 1);
}

template <typename Number>
void take_number(std::string_view argument, std::string_view name,
                 Number& out) {
  if (const auto value = value_of(argument, name)) {
    out = to_number<Number>(*value).value_or(out);
  }
}

}  // namespace

std::vector<std::string> to_arguments(const ProberSettings& settings) {
  // systemd.io/ROOT_STORAGE_DAEMONS: what root runs under a name that begins
  // with '@' is left alone at shutdown. Without it a prober in state D would
  // hold the shutdown up for two time-outs of 90 s (measured, systemd 252).
  return {"@gpuward",
          kProberVerb,
          "root=" + settings.root,
          "driver-root=" + settings.driver_root,
          fmt::format("factor={}", settings.factor),
          fmt::format("left-out={}", settings.left_out),
          fmt::format("slot={}", settings.slot),
          fmt::format("owner={}", settings.owner_pid),
          fmt::format("owner-start={}", settings.owner_start_time),
          fmt::format("simulated={}", settings.simulated ? 1 : 0)};
}

Result<ProberSettings> from_arguments(
    const std::vector<std::string>& arguments) {
  if (arguments.size() < 2 || arguments[1] != kProberVerb) {
    return fail(Error::Kind::malformed, "not a prober's command line");
  }
  ProberSettings out;
  int simulated = 0;
  for (const std::string& argument : arguments) {
    if (const auto root = value_of(argument, "root")) out.root = *root;
    if (const auto root = value_of(argument, "driver-root")) {
      out.driver_root = *root;
    }
    if (const auto factor = value_of(argument, "factor")) {
      out.factor = to_double(*factor).value_or(1.0);
    }
    take_number(argument, "left-out", out.left_out);
    take_number(argument, "slot", out.slot);
    take_number(argument, "owner", out.owner_pid);
    take_number(argument, "owner-start", out.owner_start_time);
    take_number(argument, "simulated", simulated);
  }
  out.simulated = simulated != 0;
  return out;
}

Result<Launched> launch(Slot slot, const ProberSettings& settings) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) !=
      0) {
    return fail_errno(errno, "making a socket for the prober");
  }
  Launched out;
  out.socket = Fd(ends[0]);
  const Fd theirs(ends[1]);
  // Only our end: the prober waits for requests.
  ::fcntl(out.socket.get(), F_SETFL, O_NONBLOCK);

  static_assert(kSocketFd == 3 && kLockFd == 4 && kProgressFd == 5);
  const auto child =
      host::start_child({.descriptors = {-1, -1, -1, theirs.get(),
                                         slot.lock.get(), slot.progress.get()},
                         .program = "/proc/self/exe",
                         .arguments = to_arguments(settings),
                         .environment = kept_environment(),
                         .group = host::ChildSpec::Group::own_session});
  if (!child) return wrap(child.error(), "starting the prober");
  out.pid = child->pid();
  out.process = Fd(static_cast<int>(::syscall(SYS_pidfd_open, out.pid, 0)));
  out.progress = std::move(slot.progress);
  return out;
}

}  // namespace gpuward::probe
