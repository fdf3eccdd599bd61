#include "sim/engine/frozen_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/fd.h"
#include "sim/engine/process.h"

namespace gpuward::simulator {
namespace {

constexpr off_t kImageBytes = 4 << 20;

std::string mount_point(const std::string& node) { return node + "/disk"; }

Result<void> make_image(const std::string& path) {
  const Fd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno(errno, "creating " + path);
  if (::ftruncate(file.get(), kImageBytes) != 0) {
    return fail_errno(errno, "sizing " + path);
  }
  return run_program({"mkfs.ext4", "-q", "-F", "-O", "^has_journal", path});
}

Result<Fd> open_mount(const std::string& node) {
  const std::string path = mount_point(node);
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return fail_errno(errno, "opening " + path);
  return folder;
}

}  // namespace

std::string why_no_frozen_disk() {
  if (::geteuid() != 0) return "it needs root";
  if (::access("/dev/loop-control", R_OK | W_OK) != 0) {
    return "there is no loop device here (/dev/loop-control)";
  }
  if (!find_program("mkfs.ext4"))
    return "mkfs.ext4 is missing (package e2fsprogs)";
  if (!find_program("mount")) return "mount is missing (package mount)";
  return {};
}

bool disk_is_mounted(const std::string& node) {
  struct stat inside {};
  struct stat around {};
  return ::stat(mount_point(node).c_str(), &inside) == 0 &&
         ::stat(node.c_str(), &around) == 0 && inside.st_dev != around.st_dev;
}

Result<std::string> mount_disk(const std::string& node) {
  const std::string gate = mount_point(node) + "/gate";
  if (disk_is_mounted(node)) return gate;
  if (const std::string why = why_no_frozen_disk(); !why.empty()) {
    return fail(Error::Kind::unsupported,
                "state D that survives SIGKILL is not possible: " + why);
  }
  TRY_VOID(make_image(node + "/disk.img"));
  if (::mkdir(mount_point(node).c_str(), 0755) != 0 && errno != EEXIST) {
    return fail_errno(errno, "making " + mount_point(node));
  }
  TRY_VOID(run_program(
      {"mount", "-o", "loop,noatime", node + "/disk.img", mount_point(node)}));
  const Fd file(::open(gate.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!file.valid()) return fail_errno(errno, "creating " + gate);
  // Whatever the umask: clients need not be root.
  if (::fchmod(file.get(), 0666) != 0) return fail_errno(errno, gate);
  return gate;
}

Result<void> freeze_disk(const std::string& node) {
  const Fd folder = TRY(open_mount(node));
  if (::ioctl(folder.get(), FIFREEZE, 0) != 0 && errno != EBUSY) {
    return fail_errno(errno, "freezing " + mount_point(node));
  }
  return {};
}

Result<void> thaw_disk(const std::string& node) {
  const Fd folder = TRY(open_mount(node));
  // EINVAL: it is not frozen.
  if (::ioctl(folder.get(), FITHAW, 0) != 0 && errno != EINVAL) {
    return fail_errno(errno, "thawing " + mount_point(node));
  }
  return {};
}

Result<void> unmount_disk(const std::string& node) {
  if (!disk_is_mounted(node)) return {};
  TRY_VOID(thaw_disk(node));
  const std::string path = mount_point(node);
  for (int attempt = 0; attempt < 20; ++attempt) {
    // The loop device goes by itself: mount set autoclear.
    if (::umount2(path.c_str(), 0) == 0) return {};
    if (errno != EBUSY) return fail_errno(errno, "unmounting " + path);
    ::usleep(20'000);
  }
  if (::umount2(path.c_str(), MNT_DETACH) != 0) {
    return fail_errno(errno, "detaching " + path);
  }
  return {};
}

}  // namespace gpuward::simulator
