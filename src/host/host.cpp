#include "host/host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace gpuward {
namespace {

// What was asked for, else the environment's word, else the default.
std::string choose(const std::string& asked, const char* variable,
                   const char* otherwise) {
  if (!asked.empty()) return asked;
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

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
  return Host{std::move(evidence), std::move(self),
              choose(wanted.run_dir, "GPUWARD_RUN_DIR", "/run/gpuward"),
              simulated, wanted.driver_root};
}

Result<void> make_run_dir(const Host& host) {
  if (::mkdir(host.run_dir.c_str(), 0755) == 0) return {};
  if (errno != EEXIST) return fail_errno(errno, "creating " + host.run_dir);
  struct stat status {};
  if (::stat(host.run_dir.c_str(), &status) != 0) {
    return fail_errno(errno, host.run_dir);
  }
  if (!S_ISDIR(status.st_mode)) return fail_errno(ENOTDIR, host.run_dir);
  return {};
}

}  // namespace gpuward
