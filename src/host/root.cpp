#include "host/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <optional>

#include "base/text.h"
#include "host/law.h"
#include "host/walk.h"

namespace gpuward::host {
namespace {

// null, zero, random, kmsg: the only devices whose opening runs nothing that
// could wait for a GPU.
constexpr unsigned kMemoryMajor = 1;

Result<Fd> open_in_root(int root, const std::string& path, int flags,
                        uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | resolve;
  // EAGAIN: somebody renamed or mounted something while ".." was walked.
  for (int attempt = 0; attempt < 8; ++attempt) {
    const long fd =
        ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno != EAGAIN) break;
  }
  return fail_errno(errno, "openat2");
}

// Where an open descriptor leads, as this process would name it.
std::optional<std::string> name_of_fd(int fd) {
  std::array<char, PATH_MAX> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size <= 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(size));
}

// "/srv/tree/dev/kmsg" below "/srv/tree" → "/dev/kmsg".
std::string inside(std::string_view outside, std::string_view root) {
  if (root == "/" || !outside.starts_with(root)) return std::string(outside);
  const std::string_view rest = outside.substr(root.size());
  return rest.empty() ? "/" : std::string(rest);
}

std::unexpected<Error> refuse(std::string_view path, std::string_view why) {
  return fail(
      Error::Kind::may_block,
      std::string(path) + " is left to the prober: " + std::string(why));
}

// procfs and sysfs hold no device nodes; where no link was crossed the law has
// seen the true name.
bool is_plain(std::string_view path) {
  return path.starts_with("/proc/") || path.starts_with("/sys/");
}

Result<std::string> read_fd(int fd, size_t limit) {
  std::string text;
  constexpr size_t kChunk = 4096;
  while (text.size() < limit) {
    const size_t have = text.size();
    const size_t want = std::min(std::max(kChunk, have), limit - have);
    text.resize(have + want);
    const ssize_t got = ::read(fd, text.data() + have, want);
    text.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (got < 0 && errno != EINTR) return fail_errno(errno, "read");
  }
  return text;
}

}  // namespace

Root::Root(Fd fd, std::string directory)
    : fd_(std::move(fd)), directory_(std::move(directory)) {}

Result<Root> Root::open(const std::string& directory) {
  Fd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, "opening " + directory);
  // The true name: what is opened later is compared with it.
  std::string name = name_of_fd(fd.get()).value_or(directory);
  return Root(std::move(fd), std::move(name));
}

Result<Fd> Root::resolve(std::string_view path, int flags) const {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
    return fail(Error::Kind::malformed,
                "not an absolute path: " + printable(path, 200));
  }
  auto fd = open_in_root(fd_.get(), std::string(path), flags, 0);
  if (!fd &&
      (fd.error().error_number == ENOSYS || fd.error().error_number == EPERM)) {
    fd = walk_in_root(fd_.get(), path, flags);
  }
  if (!fd) return fail_errno(fd.error().error_number, outside(path));
  return fd;
}

Result<Fd> Root::open_file(std::string_view path, int flags) const {
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
    return fail(Error::Kind::unsupported, "a root creates no files");
  }
  flags |= O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const std::string normal = normal_path(path);
  if (const auto why = why_it_may_block(normal)) return refuse(normal, *why);
  if (is_plain(path) && path == normal) {
    auto fd = open_in_root(fd_.get(), normal, flags, RESOLVE_NO_SYMLINKS);
    if (fd) return fd;
    if (fd.error().error_number == ENOENT) {
      return fail_errno(ENOENT, outside(path));
    }
  }
  // O_PATH runs nothing of the file; only then it is known what it is.
  const Fd found = TRY(resolve(path, O_PATH | (flags & O_NOFOLLOW)));
  TRY_VOID(allow(found.get()));
  const std::string again = "/proc/self/fd/" + std::to_string(found.get());
  Fd fd(::open(again.c_str(), flags & ~O_NOFOLLOW));
  if (fd.valid()) return fd;
  if (errno != ENOENT) return fail_errno(errno, outside(path));
  return resolve(path, flags);  // no /proc here
}

Result<void> Root::allow(int fd) const {
  const auto name = name_of_fd(fd);
  const std::string path = name ? inside(*name, directory_) : "the file";
  if (const auto why = why_it_may_block(path)) return refuse(path, *why);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, path);
  const bool is_device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
  if (is_device &&
      !(S_ISCHR(status.st_mode) && major(status.st_rdev) == kMemoryMajor)) {
    return refuse(path, "opening a device runs its driver");
  }
  return {};
}

Result<std::string> Root::read(std::string_view path, size_t limit) const {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, outside(path));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Error::Kind::unsupported,
                outside(path) + " is not a regular file");
  }
  auto text = read_fd(fd.get(), limit);
  if (!text) return fail_errno(text.error().error_number, outside(path));
  return text;
}

Result<std::string> Root::read_word(std::string_view path) const {
  return std::string(trim(TRY(read(path, 4096))));
}

Result<std::vector<std::string>> Root::list(std::string_view path) const {
  Fd fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  DIR* raw = ::fdopendir(fd.get());
  if (raw == nullptr) return fail_errno(errno, outside(path));
  fd.release();  // closedir closes it
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(raw, ::closedir);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return fail_errno(errno, outside(path));
  std::ranges::sort(names);
  return names;
}

Result<std::string> Root::read_link(std::string_view path) const {
  const Fd fd = TRY(resolve(path, O_PATH | O_NOFOLLOW));
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(fd.get(), "", target.data(), target.size());
  // ENOENT with an empty name is the kernel's word for "not a link".
  if (size < 0 && errno == ENOENT) errno = EINVAL;
  if (size < 0) return fail_errno(errno, outside(path));
  return std::string(target.data(), static_cast<size_t>(size));
}

Result<struct stat> Root::lstat(std::string_view path) const {
  const Fd fd = TRY(resolve(path, O_PATH | O_NOFOLLOW));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, outside(path));
  }
  return status;
}

bool Root::exists(std::string_view path) const {
  return resolve(path, O_PATH | O_NOFOLLOW).has_value();
}

std::string Root::outside(std::string_view path) const {
  if (is_machine()) return std::string(path);
  return directory_ + std::string(path);
}

}  // namespace gpuward::host
