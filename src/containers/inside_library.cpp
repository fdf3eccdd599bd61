#include "containers/inside_library.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

namespace gpuward::containers::inside {
namespace {

constexpr std::string_view kFile = "libnvidia-ml.so.";
constexpr const char* kLink = "libnvidia-ml.so.1";
// Debian's, Red Hat's, and where GKE and the operator's old releases put it.
constexpr std::array<const char*, 9> kFolders = {"/usr/lib/x86_64-linux-gnu",
                                                 "/usr/lib/aarch64-linux-gnu",
                                                 "/usr/lib64",
                                                 "/usr/lib",
                                                 "/lib/x86_64-linux-gnu",
                                                 "/lib64",
                                                 "/lib",
                                                 "/usr/local/nvidia/lib64",
                                                 "/usr/local/nvidia/lib"};
constexpr int kMaxChunks = 64;
constexpr size_t kMaxMountinfo = 4 << 20;

using Version = std::array<char, 32>;

// "570.158.01"; the "1" of the link is none.
bool take_version(std::string_view text, Version& version) {
  bool dot = false;
  for (const char c : text) {
    if (c == '.') dot = true;
    if (c != '.' && (c < '0' || c > '9')) return false;
  }
  if (!dot || text.size() >= version.size()) return false;
  std::memcpy(version.data(), text.data(), text.size());
  version[text.size()] = '\0';
  return true;
}

bool take_from_path(std::string_view path, Version& version) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return path.starts_with(kFile) &&
         take_version(path.substr(kFile.size()), version);
}

Library from_link(int folder, Version& version) {
  std::array<char, PATH_MAX> target;
  const ssize_t size =
      ::readlinkat(folder, kLink, target.data(), target.size());
  if (size > 0) {
    const std::string_view text(target.data(), static_cast<size_t>(size));
    return take_from_path(text, version) ? Library::version
                                         : Library::no_version;
  }
  if (errno == ENOENT) return Library::none;
  // EINVAL: a file under that name, as a mount may be.
  return errno == EINVAL ? Library::no_version : Library::unknown;
}

// As the kernel's getdents64 lays them out.
Library from_names(std::string_view entries, Version& version) {
  size_t at = 0;
  while (at + offsetof(dirent64, d_name) < entries.size()) {
    unsigned short length = 0;
    std::memcpy(&length, entries.data() + at + offsetof(dirent64, d_reclen),
                sizeof length);
    if (length == 0 || at + length > entries.size()) break;
    const char* name = entries.data() + at + offsetof(dirent64, d_name);
    if (take_from_path(name, version)) return Library::version;
    at += length;
  }
  return Library::none;
}

Library from_listing(int folder, Version& version) {
  alignas(dirent64) std::array<char, 16384> chunk;
  for (int i = 0; i < kMaxChunks; ++i) {
    const long size =
        ::syscall(SYS_getdents64, folder, chunk.data(), chunk.size());
    if (size == 0) return Library::none;
    if (size < 0) return Library::unknown;
    const std::string_view entries(chunk.data(), static_cast<size_t>(size));
    if (from_names(entries, version) == Library::version) {
      return Library::version;
    }
  }
  return Library::unknown;  // more names than anybody's library folder has
}

// The fifth field of a line is where it is mounted.
bool take_from_mount(std::string_view line, Version& version) {
  for (int field = 0; field < 4; ++field) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return false;
    line.remove_prefix(space + 1);
  }
  return take_from_path(line.substr(0, line.find(' ')), version);
}

Library from_mounts(const char* mountinfo, Version& version) {
  const int fd = ::open(mountinfo, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Library::unknown;
  std::array<char, 16384> buffer;
  size_t have = 0;
  Library found = Library::none;
  for (size_t total = 0; total < kMaxMountinfo;) {
    const ssize_t got = ::read(fd, buffer.data() + have, buffer.size() - have);
    if (got < 0) found = Library::unknown;
    if (got <= 0) break;
    total += static_cast<size_t>(got);
    have += static_cast<size_t>(got);
    std::string_view rest(buffer.data(), have);
    for (size_t end = rest.find('\n'); end != std::string_view::npos;
         end = rest.find('\n')) {
      if (take_from_mount(rest.substr(0, end), version)) {
        ::close(fd);
        return Library::version;
      }
      rest.remove_prefix(end + 1);
    }
    // A line longer than the buffer has no library's name.
    have = rest.size() == buffer.size() ? 0 : rest.size();
    std::memmove(buffer.data(), rest.data(), have);
  }
  ::close(fd);
  return found;
}

// The best word so far: a version, a library without one, something that could
// not be read, nothing at all.
Library better(Library left, Library right) {
  for (const Library each :
       {Library::version, Library::no_version, Library::unknown}) {
    if (left == each || right == each) return each;
  }
  return Library::none;
}

Library from_folders(int root, Library (*look)(int, Version&),
                     Version& version) {
  Library found = Library::none;
  for (const char* path : kFolders) {
    const int folder = open_in(root, path, O_RDONLY | O_DIRECTORY);
    if (folder < 0) {
      const bool absent = errno == ENOENT || errno == ENOTDIR;
      found = better(found, absent ? Library::none : Library::unknown);
      continue;
    }
    found = better(found, look(folder, version));
    ::close(folder);
    if (found == Library::version) return found;
  }
  return found;
}

}  // namespace

int open_in(int root, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return static_cast<int>(fd);
  }
  return -1;
}

// What the loader follows first, then what was mounted, then what lies about.
Library find_library(int root, const char* mountinfo, Version& version) {
  Library found = from_folders(root, from_link, version);
  if (found == Library::version) return found;
  found = better(found, from_mounts(mountinfo, version));
  if (found == Library::version) return found;
  return better(found, from_folders(root, from_listing, version));
}

}  // namespace gpuward::containers::inside
