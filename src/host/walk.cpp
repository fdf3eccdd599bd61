#include "host/walk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <string>
#include <vector>

#include "base/text.h"

namespace gpuward::host {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

// The directories from the root down to where the walk stands.
class Position {
 public:
  explicit Position(int root) : root_(root) {}
  int at() const { return below_.empty() ? root_ : below_.back().get(); }
  void down(Fd fd) { below_.push_back(std::move(fd)); }
  void up() {
    if (!below_.empty()) below_.pop_back();  // "/.." is "/"
  }
  void to_root() { below_.clear(); }

 private:
  int root_;  // the caller's
  std::vector<Fd> below_;
};

void put_first(std::deque<std::string>& pending, std::string_view path) {
  const auto parts = split(path, '/');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!part->empty() && *part != ".") pending.emplace_front(*part);
  }
}

// The links in the first level of procfs (self, mounts, net) are ordinary, all
// deeper ones that lead out are magic.
bool is_magic(int directory, int link) {
  struct statfs system {};
  struct stat status {};
  constexpr ino_t kProcRoot = 1;
  return ::fstatfs(link, &system) == 0 && system.f_type == PROC_SUPER_MAGIC &&
         ::fstat(directory, &status) == 0 && status.st_ino != kProcRoot;
}

// Puts the target of `link`, found in the place where `position` stands, in
// front of what is still to be walked.
Result<void> follow(const Fd& link, Position& position,
                    std::deque<std::string>& pending) {
  if (is_magic(position.at(), link.get())) {
    return fail_errno(ELOOP, "following a link of procfs");
  }
  std::array<char, PATH_MAX> target{};
  const ssize_t size =
      ::readlinkat(link.get(), "", target.data(), target.size());
  if (size < 0) return fail_errno(errno, "reading a link");
  const std::string_view text(target.data(), static_cast<size_t>(size));
  if (text.starts_with('/')) position.to_root();
  put_first(pending, text);
  return {};
}

}  // namespace

Result<Fd> walk_in_root(int root, std::string_view path, int flags) {
  Position position(root);
  std::deque<std::string> pending;
  put_first(pending, path);
  int links = 0;
  while (!pending.empty()) {
    const std::string name = std::move(pending.front());
    pending.pop_front();
    if (name == "..") {
      position.up();
      continue;
    }
    Fd next(
        ::openat(position.at(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return fail_errno(errno, name);
    struct stat status {};
    if (::fstat(next.get(), &status) != 0) return fail_errno(errno, name);
    const bool last = pending.empty();
    if (S_ISLNK(status.st_mode) && !(last && (flags & O_NOFOLLOW) != 0)) {
      if (++links > kMaxLinks) return fail_errno(ELOOP, name);
      TRY_VOID(follow(next, position, pending));
    } else if (last && !S_ISDIR(status.st_mode)) {
      // Opened by name: O_PATH descriptors cannot be turned into others
      // without /proc. A link that took its place is not followed.
      Fd file(::openat(position.at(), name.c_str(),
                       flags | O_NOFOLLOW | O_CLOEXEC));
      if (!file.valid()) return fail_errno(errno, name);
      return file;
    } else if (!last && !S_ISDIR(status.st_mode)) {
      return fail_errno(ENOTDIR, name);
    } else {
      position.down(std::move(next));
    }
  }
  Fd directory(::openat(position.at(), ".", flags | O_CLOEXEC));
  if (!directory.valid()) return fail_errno(errno, "opening");
  return directory;
}

std::string normal_path(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : kept) (out += '/') += part;
  return out.empty() ? "/" : out;
}

}  // namespace gpuward::host
