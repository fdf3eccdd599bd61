#include "sim/engine/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/fd.h"
#include "base/text.h"

namespace gpuward::simulator {
namespace {

Result<void> make_parents(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                      error);
  if (error) return fail_errno(error.value(), "making a folder for " + path);
  return {};
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(errno, "writing " + path);
    text.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Result<void> write_file(const std::string& path, std::string_view text,
                        int flags) {
  const Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
  if (!file.valid()) return fail_errno(errno, "creating " + path);
  return write_all(file.get(), text, path);
}

bool major_is_real(unsigned major) {
  std::ifstream devices("/proc/devices");
  std::string line;
  while (std::getline(devices, line)) {
    const auto parts = words(line);
    if (line.starts_with("Block")) return false;
    if (parts.size() == 2 && to_number<unsigned>(parts[0]) == major)
      return true;
  }
  return false;
}

// A folder mounted nodev takes the node but opens none: EACCES then, where a
// node without a driver gives ENXIO.
bool opens_like_a_node(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  return file.valid() || errno == ENXIO || errno == ENODEV;
}

}  // namespace

std::string Tree::outside(std::string_view path) const {
  return directory_ + std::string(path);
}

Result<void> Tree::file(std::string_view path, std::string_view text) const {
  const std::string name = outside(path);
  TRY_VOID(make_parents(name));
  const std::string fresh = name + ".new";
  TRY_VOID(write_file(fresh, text, O_TRUNC));
  if (::rename(fresh.c_str(), name.c_str()) != 0) {
    return fail_errno(errno, "replacing " + name);
  }
  return {};
}

Result<void> Tree::append(std::string_view path, std::string_view text) const {
  const std::string name = outside(path);
  TRY_VOID(make_parents(name));
  return write_file(name, text, O_APPEND);
}

Result<void> Tree::link(std::string_view path, std::string_view target) const {
  const std::string name = outside(path);
  TRY_VOID(make_parents(name));
  if (::symlink(std::string(target).c_str(), name.c_str()) != 0) {
    return fail_errno(errno, "linking " + name);
  }
  return {};
}

Result<void> Tree::directory(std::string_view path) const {
  return make_parents(outside(path) + "/.");
}

Result<void> Tree::device(std::string_view path, unsigned major, unsigned minor,
                          mode_t mode) const {
  const std::string name = outside(path);
  TRY_VOID(make_parents(name));
  const bool may = ::geteuid() == 0 && !major_is_real(major);
  if (may &&
      ::mknod(name.c_str(), S_IFCHR | mode, makedev(major, minor)) == 0) {
    ::chmod(name.c_str(), mode);
    if (opens_like_a_node(name)) return {};
    ::unlink(name.c_str());
  }
  TRY_VOID(write_file(name, {}, O_TRUNC));
  ::chmod(name.c_str(), mode);
  return {};
}

bool remove_tree(const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  return !error;
}

}  // namespace gpuward::simulator
