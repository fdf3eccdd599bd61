// A directory handle that is "/" for everything opened through it: the machine
// itself, a --root tree, a simulated node. Symbolic links stay inside
// (openat2, RESOLVE_IN_ROOT, Linux 5.6; where a seccomp profile forbids
// openat2, links are resolved by hand with the same result).
//
// Every path is absolute, as it would be on that machine. Paths of law 1 are
// refused with Error::may_block: only the prober reads those. The law sees the
// path as given (`..` and double slashes taken out) and the true name of what
// was found, before anything but O_PATH touches it; device nodes are refused
// under any name, except those of the memory driver (/dev/kmsg, /dev/null).
//
// Thread: usable from any, holds no state but the descriptor.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace gpuward::host {

class Root {
 public:
  // Fails if `directory` cannot be opened.
  static Result<Root> open(const std::string& directory);

  // Where this root lies on the machine that we run on: "/" or the --root.
  const std::string& directory() const { return directory_; }
  bool is_machine() const { return directory_ == "/"; }

  // Opened O_CLOEXEC | O_NONBLOCK | `flags`; creates nothing (no O_CREAT).
  Result<Fd> open_file(std::string_view path, int flags) const;

  // At most `limit` bytes; a longer file is cut, not refused. What is no
  // regular file (those of procfs and sysfs are) is refused as unsupported.
  Result<std::string> read(std::string_view path, size_t limit = 1 << 20) const;
  // read(), without white space at the ends.
  Result<std::string> read_word(std::string_view path) const;

  // Names in a directory, sorted, without "." and "..".
  Result<std::vector<std::string>> list(std::string_view path) const;
  // Where a symbolic link points, unresolved.
  Result<std::string> read_link(std::string_view path) const;
  // Not following a last symbolic link. Allowed on device nodes: no driver
  // code runs.
  Result<struct stat> lstat(std::string_view path) const;
  bool exists(std::string_view path) const;

  // The path under which the machine that we run on knows `path`; for
  // messages, and for a library that wants a name. Not followed.
  std::string outside(std::string_view path) const;

 private:
  Root(Fd fd, std::string directory);
  Result<Fd> resolve(std::string_view path, int flags) const;
  // Law 1 for what an O_PATH descriptor stands for.
  Result<void> allow(int fd) const;

  Fd fd_;
  std::string directory_;
};

}  // namespace gpuward::host
