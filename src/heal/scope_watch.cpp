#include "heal/scope_watch.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gpuward::heal {

ScopeWatch::ScopeWatch(const host::Root& root, Fd inotify)
    : root_(&root), inotify_(std::move(inotify)) {}

Result<ScopeWatch> ScopeWatch::create(const host::Root& root) {
  Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.valid()) return fail_errno(errno, "watching systemd's files");
  return ScopeWatch(root, std::move(inotify));
}

void ScopeWatch::add(const std::string& unit) {
  const bool known = std::ranges::any_of(
      units_, [&unit](const auto& one) { return one.second == unit; });
  if (known || unit.empty()) return;
  const auto folder = root_->open_file(
      fmt::format("/run/systemd/transient/{}.d", unit), O_PATH | O_DIRECTORY);
  if (!folder) return;
  const std::string name =
      fmt::format("/proc/self/fd/{}", folder->get());  // path: our own
  const int watch = ::inotify_add_watch(
      inotify_.get(), name.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR);
  if (watch >= 0) units_[watch] = unit;
}

std::set<std::string> ScopeWatch::take() {
  std::set<std::string> written;
  alignas(inotify_event) std::array<char, 16384> buffer{};
  ssize_t size = 0;
  while ((size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    size_t at = 0;
    while (at + sizeof(inotify_event) <= static_cast<size_t>(size)) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      const auto unit = units_.find(event.wd);
      if (unit == units_.end()) continue;
      written.insert(unit->second);
      if ((event.mask & IN_IGNORED) != 0) units_.erase(unit);  // it has ended
    }
  }
  return written;
}

}  // namespace gpuward::heal
