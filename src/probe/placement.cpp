#include "probe/placement.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/fd.h"
#include "host/systemd.h"

namespace gpuward::probe {
namespace {

// The call returns when the job is queued; the move comes with the job.
bool wait_until_moved(const host::Root& self, const std::string& name) {
  constexpr int kTries = 100;
  constexpr timespec kPause{0, 10'000'000};
  for (int i = 0; i < kTries; ++i) {
    const auto where = self.read("/proc/self/cgroup");
    if (where && where->find(name) != std::string::npos) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

Result<std::string> enter_scope(const host::Root& self, int slot) {
  const std::string name =
      fmt::format("gpuward-prober-{}-{}.scope", slot, ::getpid());
  // systemd's own socket, for root: a dead or frozen bus daemon is not in the
  // way.
  host::Systemd systemd = TRY(host::Systemd::connect(self));
  TRY_VOID(
      systemd.start_prober_scope(name, fmt::format("gpuward prober {}", slot)));
  if (!wait_until_moved(self, name)) {
    return fail(Error::Kind::timeout, "systemd did not move the prober");
  }
  return "scope " + name;
}

Result<std::string> enter_cgroup(const host::Root& self) {
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

std::string place_self(const host::Root& self, int slot, bool simulated) {
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
