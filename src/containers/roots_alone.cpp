#include "containers/roots_alone.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/text.h"

namespace gpuward::containers {
namespace {

// In a folder with the sticky bit (/tmp) nobody may rename what is root's.
bool is_changed_by_others(const struct stat& status) {
  const bool is_ours = status.st_uid == 0 || status.st_uid == ::geteuid();
  const bool by_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool is_kept =
      S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  return !is_ours || (by_others && !is_kept);
}

Result<std::string> true_name(const host::Root& root, std::string_view path) {
  const Fd fd = TRY(root.open_file(path, O_PATH));
  std::array<char, PATH_MAX> target{};
  // path: where our own descriptor leads
  const std::string link = fmt::format("/proc/self/fd/{}", fd.get());
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size <= 0) return fail_errno(errno, root.outside(path));
  std::string name(target.data(), static_cast<size_t>(size));
  if (root.is_machine()) return name;
  if (!name.starts_with(root.directory() + "/")) {
    return fail(Error::Kind::unsupported,
                root.outside(path) + " leads out of the tree");
  }
  return name.substr(root.directory().size());
}

}  // namespace

Result<std::string> find_roots_alone(const host::Root& root,
                                     std::string_view path) {
  std::string name = TRY(true_name(root, path));
  for (size_t end = name.size(); end != std::string::npos && end > 0;
       end = name.rfind('/', end - 1)) {
    const std::string part = name.substr(0, end);
    const struct stat status = TRY(root.lstat(part));
    if (is_changed_by_others(status)) {
      return fail(Error::Kind::unsupported,
                  fmt::format("{} is not believed: others than root may change "
                              "{}",
                              printable(root.outside(name), 300),
                              printable(root.outside(part), 300)));
    }
  }
  return name;
}

}  // namespace gpuward::containers
