#include "containers/users_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/text.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kPlace = "/run/user";
// Those that never wait for a process of the user's, nor for a network.
constexpr std::array<std::string_view, 8> kOwnFileSystems = {
    "tmpfs", "ramfs", "overlay", "ext4", "xfs", "btrfs", "f2fs", "zfs"};

Result<Fd> open_below(int folder, const std::string& path, uint64_t flags,
                      uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | resolve;
  const long fd =
      ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
  if (fd >= 0) return Fd(static_cast<int>(fd));
  return fail_errno(errno, "openat2");
}

// What the kernel says of an open descriptor, without asking the file system
// on which it lies: that could be one that never answers.
Result<std::string> about_fd(const host::Root& root, int fd,
                             std::string_view what) {
  const std::string text =
      TRY(root.read(fmt::format("/proc/self/fdinfo/{}", fd)));
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with(what)) {
      return std::string(trim(line.substr(what.size())));
    }
  }
  return fail(Error::Kind::unsupported, "the kernel does not say");
}

// "…29 1 0:26 / /run/user/1000 rw shared:13 - tmpfs tmpfs rw…": the type is
// behind the lone minus.
Result<std::string> type_of_mount(const host::Root& root, std::string_view id) {
  constexpr size_t kMost = 4 << 20;
  const std::string text = TRY(root.read("/proc/self/mountinfo", kMost));
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = words(line);
    if (fields.empty() || fields[0] != id) continue;
    const auto minus = std::ranges::find(fields, "-");
    if (fields.end() - minus > 1) return std::string(minus[1]);
  }
  return fail(Error::Kind::unsupported, "no such mount");
}

std::unexpected<Error> explained(const Error& error, const std::string& shown) {
  switch (error.error_number) {
    case ELOOP:
    case EXDEV:
      return fail(Error::Kind::unsupported,
                  shown +
                      " is a link or another file system's: a user's are "
                      "not followed");
    case ENOSYS:
    case EPERM:
      return fail(Error::Kind::unsupported,
                  shown + " is a user's, and without openat2 not read");
    default:
      return fail_errno(error.error_number, shown);
  }
}

// The user's run directory itself, if it lies on a file system of the host's.
Result<Fd> open_place(const host::Root& root, const std::string& place) {
  const Fd parent = TRY(root.open_file(kPlace, O_PATH | O_DIRECTORY));
  auto fd = open_below(parent.get(), place.substr(kPlace.size() + 1),
                       O_PATH | O_DIRECTORY, 0);
  if (!fd) return explained(fd.error(), root.outside(place));
  // Our own procfs, which a copied tree has not.
  const host::Root self = TRY(host::Root::open("/"));
  const std::string mount = TRY(about_fd(self, fd->get(), "mnt_id:"));
  const std::string type = TRY(type_of_mount(self, mount));
  if (std::ranges::find(kOwnFileSystems, type) == kOwnFileSystems.end()) {
    return fail(Error::Kind::unsupported,
                fmt::format("{} lies on {}, which may never answer: not read",
                            root.outside(place), printable(type, 40)));
  }
  return fd;
}

Result<Fd> open_users(const host::Root& root, unsigned uid,
                      std::string_view path, uint64_t flags) {
  const std::string place = fmt::format("{}/{}", kPlace, uid);
  if (!path.starts_with(place + "/")) {
    return fail(Error::Kind::malformed,
                printable(path, 200) + " is not below " + place);
  }
  const Fd folder = TRY(open_place(root, place));
  auto fd = open_below(folder.get(), std::string(path.substr(place.size() + 1)),
                       flags, RESOLVE_NO_XDEV);
  if (!fd) return explained(fd.error(), root.outside(path));
  return fd;
}

}  // namespace

Result<std::string> read_users_file(const host::Root& root, unsigned uid,
                                    std::string_view path, size_t limit) {
  const std::string shown = root.outside(path);
  // O_PATH first: opening what is no plain file may have its effects.
  const Fd found = TRY(open_users(root, uid, path, O_PATH | O_NOFOLLOW));
  struct stat status {};
  if (::fstat(found.get(), &status) != 0) return fail_errno(errno, shown);
  if (!S_ISREG(status.st_mode) || (status.st_uid != uid && status.st_uid != 0 &&
                                   status.st_uid != ::geteuid())) {
    return fail(Error::Kind::unsupported, shown + " is no plain file of his");
  }
  const Fd file = TRY(open_users(root, uid, path, O_RDONLY));
  struct stat opened {};
  if (::fstat(file.get(), &opened) != 0 || opened.st_ino != status.st_ino ||
      opened.st_dev != status.st_dev) {
    return fail(Error::Kind::gone, shown + " was replaced meanwhile");
  }
  std::string text(limit, '\0');
  size_t have = 0;
  while (have < limit) {
    const ssize_t got = ::read(file.get(), text.data() + have, limit - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, shown);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

Result<std::vector<std::string>> list_users_folder(const host::Root& root,
                                                   unsigned uid,
                                                   std::string_view path,
                                                   size_t most) {
  Fd fd = TRY(open_users(root, uid, path, O_RDONLY | O_DIRECTORY));
  DIR* raw = ::fdopendir(fd.get());
  if (raw == nullptr) return fail_errno(errno, root.outside(path));
  fd.release();  // closedir closes it
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(raw, ::closedir);
  std::vector<std::string> names;
  while (names.size() < most) {
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace gpuward::containers
