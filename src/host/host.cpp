#include "host/host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace gpuward::host {
namespace {

// What was asked for, else the environment's word, else the default.
std::string choose(const std::string& asked, const char* variable,
                   const char* otherwise) {
  if (!asked.empty()) return asked;
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

constexpr const char* kRunDir = "/run/gpuward";
constexpr const char* kStateDir = "/var/lib/gpuward";

// The first word of the simulator's state file, SIM_MAGIC of sim/state.h.
constexpr uint32_t kSimMagic = 0x47505753;

bool is_simulated(const Root& root) {
  if (root.is_machine()) return false;
  const std::string state = root.directory() + "/../state";
  const Fd fd(::open(state.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  uint32_t magic = 0;
  return fd.valid() && ::read(fd.get(), &magic, sizeof magic) == sizeof magic &&
         magic == kSimMagic;
}

}  // namespace

Result<Host> Host::open(const Wanted& wanted) {
  Root evidence = TRY(Root::open(choose(wanted.root, "GPUWARD_ROOT", "/")));
  Root self = TRY(Root::open("/"));
  const bool simulated = is_simulated(evidence);
  const std::string run_dir =
      choose(wanted.run_dir, "GPUWARD_RUN_DIR", kRunDir);
  return Host{std::move(evidence),
              std::move(self),
              run_dir,
              run_dir == kRunDir ? kStateDir : run_dir + "/state",
              simulated,
              wanted.driver_root};
}

std::optional<std::string> Host::why_not_to_probe() const {
  if (evidence.is_machine() || simulated) return std::nullopt;
  // A copied /proc may hold any boot id, but is no procfs.
  const auto proc = evidence.open_file("/proc", O_PATH | O_DIRECTORY);
  struct statfs status {};
  const bool is_live = proc && ::fstatfs(proc->get(), &status) == 0 &&
                       status.f_type == PROC_SUPER_MAGIC;
  if (is_live) return std::nullopt;
  return evidence.directory() +
         " is not this machine: its driver cannot be asked";
}

Result<void> make_run_dir(const Host& host) {
  if (::mkdir(host.run_dir.c_str(), 0755) == 0) {
    // Whatever the umask: others must see the lock to respect it.
    if (::chmod(host.run_dir.c_str(), 0755) == 0) return {};
    return fail_errno(errno, "opening " + host.run_dir + " to others");
  }
  if (errno != EEXIST) return fail_errno(errno, "creating " + host.run_dir);
  struct stat status {};
  if (::stat(host.run_dir.c_str(), &status) != 0) {
    return fail_errno(errno, host.run_dir);
  }
  if (!S_ISDIR(status.st_mode)) return fail_errno(ENOTDIR, host.run_dir);
  return {};
}

}  // namespace gpuward::host
