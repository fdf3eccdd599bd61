#include "host/edit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "base/text.h"
#include "host/law.h"
#include "host/walk.h"

namespace gpuward::host {
namespace {

// What a killed writer leaves behind is known by this.
constexpr std::string_view kTemporary = ".gpuward-new.";
constexpr int kMostEntries = 65536;

// A place in a folder: everything is done with its descriptor and the name.
struct Place {
  Fd folder;
  std::string name;
  std::string shown;  // for messages
};

Result<Place> find_place(const Root& root, std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name =
      slash == std::string_view::npos ? "" : path.substr(slash + 1);
  if (!path.starts_with('/') || name.empty() || name == "." || name == ".." ||
      name.find('\0') != std::string_view::npos) {
    return fail(Error::Kind::malformed,
                "no name of a file: " + printable(path, 200));
  }
  if (const auto why = why_it_may_block(normal_path(path))) {
    return fail(
        Error::Kind::may_block,
        std::string(path) + " is left to the prober: " + std::string(*why));
  }
  const std::string_view parent = slash == 0 ? "/" : path.substr(0, slash);
  Fd folder = TRY(root.open_file(parent, O_RDONLY | O_DIRECTORY));
  return Place{std::move(folder), std::string(name), root.outside(path)};
}

// Nothing where there is none.
Result<std::optional<struct stat>> look(const Place& place) {
  struct stat status {};
  if (::fstatat(place.folder.get(), place.name.c_str(), &status,
                AT_SYMLINK_NOFOLLOW) == 0) {
    return status;
  }
  if (errno == ENOENT) return std::nullopt;
  return fail_errno(errno, place.shown);
}

std::unexpected<Error> refuse(const Place& place, std::string_view why) {
  return fail(Error::Kind::busy, place.shown + " " + std::string(why));
}

// A name in the folder that is gone at the end unless it was renamed.
class Temporary {
 public:
  static Result<Temporary> choose(const Place& place) {
    uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) !=
        static_cast<ssize_t>(sizeof number)) {
      return fail_errno(errno, "choosing a name beside " + place.shown);
    }
    std::array<char, 17> digits{};
    (void)std::snprintf(digits.data(), digits.size(), "%016llx",
                        static_cast<unsigned long long>(number));
    return Temporary(place, std::string(kTemporary) + digits.data());
  }
  ~Temporary() {
    if (place_ != nullptr) {
      ::unlinkat(place_->folder.get(), name_.c_str(), 0);
    }
  }
  Temporary(Temporary&& other) noexcept
      : place_(std::exchange(other.place_, nullptr)),
        name_(std::move(other.name_)) {}
  Temporary& operator=(Temporary&&) = delete;

  const char* name() const { return name_.c_str(); }

  Result<void> take_the_place() {
    const int folder = place_->folder.get();
    if (::renameat(folder, name_.c_str(), folder, place_->name.c_str()) != 0) {
      return fail_errno(errno, "replacing " + place_->shown);
    }
    const Place& place = *std::exchange(place_, nullptr);
    if (::fsync(folder) != 0) {
      return fail_errno(errno, "writing the folder of " + place.shown);
    }
    return {};
  }

 private:
  Temporary(const Place& place, std::string name)
      : place_(&place), name_(std::move(name)) {}
  const Place* place_;
  std::string name_;
};

void remove_leftovers(int folder) {
  Fd fd(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* raw = ::fdopendir(fd.get());
  if (raw == nullptr) return;
  fd.release();  // closedir closes it
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(raw, ::closedir);
  for (int count = 0; count < kMostEntries; ++count) {
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    if (std::string_view(entry->d_name).starts_with(kTemporary)) {
      ::unlinkat(folder, entry->d_name, 0);
    }
  }
}

// Every writer shares a lock on the folder while it has something temporary
// there, so who gets it alone may clean up. Whoever holds it for longer, and
// any user may, keeps nobody from writing.
void clean_and_lock(const Place& place) {
  const int folder = place.folder.get();
  if (::flock(folder, LOCK_EX | LOCK_NB) == 0) remove_leftovers(folder);
  constexpr int kAttempts = 20;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (::flock(folder, LOCK_SH | LOCK_NB) == 0) return;
    ::poll(nullptr, 0, 5);
  }
}

// Hashes and signatures of the content: wrong for the new one.
bool is_about_content(std::string_view attribute) {
  return attribute == "security.ima" || attribute == "security.evm";
}

Result<void> copy_attribute(int from, int to, const std::string& name) {
  constexpr size_t kMost = 65536;  // the kernel's XATTR_SIZE_MAX
  std::vector<char> value(kMost);
  const ssize_t size =
      ::fgetxattr(from, name.c_str(), value.data(), value.size());
  if (size < 0 && errno == ENODATA) return {};
  if (size < 0 || ::fsetxattr(to, name.c_str(), value.data(),
                              static_cast<size_t>(size), 0) != 0) {
    return fail_errno(errno, "keeping the attribute " + name);
  }
  return {};
}

Result<void> copy_attributes(int from, int to) {
  constexpr size_t kMost = 65536;  // the kernel's XATTR_LIST_MAX
  std::vector<char> names(kMost);
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return {};
  if (size < 0) return fail_errno(errno, "listing its attributes");
  const std::string_view all(names.data(), static_cast<size_t>(size));
  for (const std::string_view name : split(all, '\0')) {
    if (name.empty() || is_about_content(name)) continue;
    TRY_VOID(copy_attribute(from, to, std::string(name)));
  }
  return {};
}

// Owner before mode: a change of owner takes the set-id bits away; mode before
// attributes: an access list sets the group's bits.
Result<void> keep_ownership(const Place& place, const struct stat& old,
                            int to) {
  if (::fchown(to, old.st_uid, old.st_gid) != 0 ||
      ::fchmod(to, old.st_mode & 07777) != 0) {
    return fail_errno(errno, "keeping the owner and mode of " + place.shown);
  }
  const Fd from(::openat(place.folder.get(), place.name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!from.valid()) return fail_errno(errno, place.shown);
  const auto copied = copy_attributes(from.get(), to);
  if (!copied) return wrap(copied.error(), place.shown);
  return {};
}

Result<void> write_all(const Place& place, int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail_errno(errno, "writing " + place.shown);
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  if (::fsync(fd) != 0) return fail_errno(errno, "writing " + place.shown);
  return {};
}

Result<void> sync_folder(const Place& place) {
  if (::fsync(place.folder.get()) == 0) return {};
  return fail_errno(errno, "writing the folder of " + place.shown);
}

}  // namespace

Result<void> write_file(const Root& root, std::string_view path,
                        std::string_view text) {
  const Place place = TRY(find_place(root, path));
  const auto old = TRY(look(place));
  if (old && S_ISLNK(old->st_mode)) {
    return refuse(place, "is a link, which is not followed");
  }
  if (old && !S_ISREG(old->st_mode)) return refuse(place, "is no plain file");
  clean_and_lock(place);
  Temporary temporary = TRY(Temporary::choose(place));
  constexpr mode_t kOwnersAlone = 0600;
  const Fd file(::openat(place.folder.get(), temporary.name(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         kOwnersAlone));
  if (!file.valid()) return fail_errno(errno, "writing " + place.shown);
  if (old) {
    TRY_VOID(keep_ownership(place, *old, file.get()));
  } else if (::fchmod(file.get(), 0644) != 0) {
    return fail_errno(errno, "writing " + place.shown);
  }
  TRY_VOID(write_all(place, file.get(), text));
  return temporary.take_the_place();
}

Result<void> make_link(const Root& root, std::string_view path,
                       std::string_view target) {
  if (target.empty() || target.find('\0') != std::string_view::npos) {
    return fail(Error::Kind::malformed, "a link needs a target");
  }
  const Place place = TRY(find_place(root, path));
  const std::string to(target);
  if (::symlinkat(to.c_str(), place.folder.get(), place.name.c_str()) == 0) {
    return sync_folder(place);
  }
  if (errno != EEXIST) return fail_errno(errno, "making " + place.shown);
  const auto old = TRY(look(place));
  if (old && !S_ISLNK(old->st_mode)) {
    return refuse(place, "is no link: it is left as it is");
  }
  clean_and_lock(place);
  Temporary temporary = TRY(Temporary::choose(place));
  if (::symlinkat(to.c_str(), place.folder.get(), temporary.name()) != 0) {
    return fail_errno(errno, "making " + place.shown);
  }
  return temporary.take_the_place();
}

Result<void> remove_file(const Root& root, std::string_view path) {
  const Place place = TRY(find_place(root, path));
  const auto old = TRY(look(place));
  if (old && !S_ISREG(old->st_mode) && !S_ISLNK(old->st_mode)) {
    return refuse(place, "is neither a plain file nor a link");
  }
  if (::unlinkat(place.folder.get(), place.name.c_str(), 0) != 0) {
    return fail_errno(errno, "removing " + place.shown);
  }
  return sync_folder(place);
}

Result<void> make_folder(const Root& root, std::string_view path) {
  const std::string normal = normal_path(path);
  if (!path.starts_with('/')) {
    return fail(Error::Kind::malformed,
                "not an absolute path: " + printable(path, 200));
  }
  size_t end = 0;
  while (end != std::string::npos) {
    end = normal.find('/', end + 1);
    const std::string part = normal.substr(0, end);
    if (part == "/" || root.open_file(part, O_PATH | O_DIRECTORY)) continue;
    const Place place = TRY(find_place(root, part));
    constexpr mode_t kForAllToRead = 0755;
    if (::mkdirat(place.folder.get(), place.name.c_str(), kForAllToRead) != 0) {
      if (errno == EEXIST) return refuse(place, "is no folder");
      return fail_errno(errno, "making " + place.shown);
    }
    // Whatever the umask.
    if (::fchmodat(place.folder.get(), place.name.c_str(), kForAllToRead, 0) !=
        0) {
      return fail_errno(errno, "making " + place.shown);
    }
    TRY_VOID(sync_folder(place));
  }
  return {};
}

}  // namespace gpuward::host
