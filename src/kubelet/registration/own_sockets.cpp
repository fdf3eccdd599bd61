#include "kubelet/registration/own_sockets.h"

#include <dirent.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "base/fd.h"
#include "kubelet/registration/socket_watch.h"

namespace gpuward::kubelet::registration {
namespace {

constexpr size_t kLongestResource = 36;

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> out;
  DIR* const open = ::opendir(directory.c_str());
  if (open == nullptr) return out;
  while (const dirent* entry = ::readdir(open)) {
    out.emplace_back(entry->d_name);
  }
  ::closedir(open);
  return out;
}

bool refuses(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::ranges::copy(path, address.sun_path);
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd.valid() &&
         ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

bool is_dead_socket(const std::string& path) {
  return socket_at(path) && refuses(path);
}

std::string socket_stem(std::string_view role, std::string_view resource) {
  std::string name(resource);
  std::ranges::replace(name, '/', '-');
  if (name.size() > kLongestResource) {
    // The end tells resources apart; a sum of the whole, those that it does
    // not.
    name = fmt::format("{:08x}{}",
                       std::hash<std::string_view>()(resource) & 0xffffffffU,
                       name.substr(name.size() - kLongestResource + 8));
  }
  return fmt::format("gpuward-{}-{}", role, name);
}

std::string new_socket_name(const std::string& stem) {
  static int count = 0;
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  constexpr int64_t kMicro = 1'000'000;
  constexpr int64_t kNanoInMicro = 1000;
  return fmt::format("{}-{:x}-{}.sock", stem,
                     now.tv_sec * kMicro + now.tv_nsec / kNanoInMicro, ++count);
}

void remove_dead_sockets(const std::string& directory,
                         const std::string& stem) {
  for (const std::string& name : names_in(directory)) {
    const std::string path = directory + "/" + name;
    if (name.starts_with(stem + "-") && name.ends_with(".sock") &&
        is_dead_socket(path)) {
      ::unlink(path.c_str());
    }
  }
}

}  // namespace gpuward::kubelet::registration
