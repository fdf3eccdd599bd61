#include "kubelet/registration/socket_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gpuward::kubelet::registration {
namespace {

constexpr Millis kLook = 1s;

}  // namespace

std::optional<SocketIdentity> socket_at(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) {
    return std::nullopt;
  }
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return SocketIdentity{.device = found.st_dev,
                        .inode = found.st_ino,
                        .changed_ns = found.st_ctim.tv_sec * kNanoseconds +
                                      found.st_ctim.tv_nsec};
}

Result<std::unique_ptr<SocketWatch>> SocketWatch::start(
    loop::Loop& loop, std::string directory, std::function<void()> changed) {
  Fd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) return fail_errno(errno, "starting inotify");
  std::unique_ptr<SocketWatch> watch(new SocketWatch(
      loop, std::move(directory), std::move(changed), std::move(inotify)));
  SocketWatch* self = watch.get();
  TRY_VOID(
      loop.on_readable(self->inotify_.get(), [self] { self->read_events(); }));
  TRY_VOID(loop.at(self->timer_, loop.now(), [self] { self->look(); }));
  return watch;
}

SocketWatch::SocketWatch(loop::Loop& loop, std::string directory,
                         std::function<void()> changed, Fd inotify)
    : loop_(loop),
      directory_(std::move(directory)),
      changed_(std::move(changed)),
      inotify_(std::move(inotify)),
      timer_(loop.new_timer()) {}

SocketWatch::~SocketWatch() {
  loop_.remove(inotify_.get());
  loop_.cancel(timer_);
}

void SocketWatch::read_events() {
  // What happened does not matter: whoever listens looks for himself.
  alignas(inotify_event) char buffer[4096];
  while (::read(inotify_.get(), buffer, sizeof buffer) > 0) {
  }
  changed_();
}

void SocketWatch::look() {
  // Does nothing where the directory is watched already; it may be a new one.
  (void)::inotify_add_watch(
      inotify_.get(), directory_.c_str(),
      IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR);
  set_timer();
  changed_();
}

void SocketWatch::set_timer() {
  // Fails only when memory ran out; the role then ends and is started anew.
  if (!loop_.at(timer_, loop_.now() + kLook, [this] { look(); })) {
    loop_.end();
  }
}

}  // namespace gpuward::kubelet::registration
