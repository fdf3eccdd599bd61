#include "probe/slot.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "host/task.h"

namespace gpuward::probe {
namespace {

std::string slot_path(const std::string& dir, int number) {
  return fmt::format("{}/prober-{}", dir, number);
}

// For a user without rights on the run directory, on a machine where root has
// not made one. In /tmp anybody may have been first, so it must be ours.
Result<std::string> private_dir() {
  std::string dir = fmt::format("/tmp/gpuward-{}", ::getuid());
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno(errno, "making " + dir);
  }
  struct stat status {};
  if (::lstat(dir.c_str(), &status) != 0) {
    return fail_errno(errno, "looking at " + dir);
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::getuid()) {
    return fail(Error::Kind::denied, dir + " belongs to somebody else");
  }
  return dir;
}

Result<Fd> open_slot(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd.valid() && (errno == EACCES || errno == EROFS || errno == EPERM)) {
    fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  }
  if (!fd.valid()) return fail_errno(errno, "opening " + path);
  // Whatever the umask; fails where it is another's, who has done the same.
  ::fchmod(fd.get(), 0644);
  return fd;
}

bool is_writable(const Fd& fd) {
  return (::fcntl(fd.get(), F_GETFL) & O_ACCMODE) == O_RDWR;
}

Result<Fd> private_record() {
  Fd fd(::memfd_create("gpuward-progress", MFD_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, "making a progress record");
  return fd;
}

// The record is of this boot and its task is still the same one.
std::string why_not_current(const host::Host& host, const Progress& progress) {
  const auto boot_id = host::boot_id_of(host.self);
  if (!boot_id || *boot_id != progress.boot_id)
    return "its record is of another boot";
  if (!host::is_same_task(host.self, progress.pid, progress.start_time)) {
    return "its record names a task that is not here (another pid namespace?)";
  }
  return {};
}

}  // namespace

Result<std::string> slot_dir(const host::Host& host) {
  const auto made = host::make_run_dir(host);
  if (!made && made.error().kind != Error::Kind::denied) {
    return std::unexpected(made.error());
  }
  // A lock can be taken on a slot that may only be read.
  const bool usable = ::access(host.run_dir.c_str(), W_OK) == 0 ||
                      ::access(slot_path(host.run_dir, 1).c_str(), R_OK) == 0;
  if (usable) return host.run_dir;
  if (host.simulated) {
    return fail(Error::Kind::denied,
                host.run_dir + " cannot be written: run as root");
  }
  return private_dir();
}

Result<Slot> take_slot(const host::Host& host, int number) {
  const std::string dir = TRY(slot_dir(host));
  const std::string path = slot_path(dir, number);
  Slot slot;
  slot.number = number;
  slot.lock = TRY(open_slot(path));
  if (::flock(slot.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return fail(Error::Kind::busy, path + " is held by another probe");
    }
    return fail_errno(errno, "locking " + path);
  }
  slot.shared = is_writable(slot.lock);
  if (slot.shared) {
    // Opened anew: a mapping or a copy of the lock's own description would keep
    // the lock in whoever looks at the record.
    slot.progress = TRY(open_slot(path));
  } else {
    slot.progress = TRY(private_record());
  }
  return slot;
}

std::optional<Holder> holder_of(const host::Host& host, int number) {
  const auto dir = slot_dir(host);
  if (!dir) return std::nullopt;
  Fd fd(::open(slot_path(*dir, number).c_str(),
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return std::nullopt;
  // A shared lock asks without getting in the way of anyone but a taker that
  // tries in this very moment; it tries again.
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) {
    // Free, or held shared, which no prober does.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::nullopt;
    Holder stranger;
    stranger.why_unknown = "a process that is no prober locks " + dir.value();
    return stranger;
  }

  Holder holder;
  const auto map = ProgressMap::reader(fd);
  auto progress = map ? map->read() : std::nullopt;
  if (!progress) {
    holder.why_unknown = "its record cannot be read (another user's probe?)";
    return holder;
  }
  holder.why_unknown = why_not_current(host, *progress);
  if (!holder.why_unknown.empty()) return holder;
  holder.owner_alive = host::is_same_task(host.self, progress->owner_pid,
                                          progress->owner_start_time);
  holder.progress = std::move(progress);
  return holder;
}

}  // namespace gpuward::probe
