#include "action/watch_links.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace gpuward::action {
namespace {

constexpr int kTimer = 1;
constexpr Millis kBurst = 100ms;
constexpr Millis kLongestPause = 10s;
constexpr Millis kInAnyCase = 1min;

class Watch {
 public:
  Watch(loop::Loop& loop, const host::Root& root, evidence::LinkPlaces places,
        const LinksReport& report, Fd inotify)
      : loop_(loop),
        root_(root),
        places_(std::move(places)),
        folders_(evidence::node_folders(places_.driver_root)),
        report_(report),
        inotify_(std::move(inotify)) {}
  ~Watch() {
    loop_.remove(inotify_.get());
    loop_.cancel(kTimer);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  Result<void> run() {
    TRY_VOID(loop_.on_readable(inotify_.get(), [this] { take_events(); }));
    look();
    TRY_VOID(loop_.run());
    if (failure_) return std::unexpected(*failure_);
    return {};
  }

 private:
  // Watches before it looks: what comes in between is an event.
  void look() {
    pending_ = false;
    dev_watch_ = watch(folders_[0]);
    watch(folders_[1]);
    watch(folders_[2]);
    watch(places_.folder);
    const evidence::DevCharLinks found =
        evidence::find_dev_char_links(root_, places_);
    const auto done = put_links(root_, found, Do::it);
    const bool changed =
        std::ranges::any_of(done, [](const LinkOutcome& outcome) {
          return outcome.what != LinkOutcome::What::already &&
                 outcome.what != LinkOutcome::What::failed;
        });
    // The folder may be one that was made just now.
    if (changed) watch(places_.folder);
    pause_ = changed ? std::min(2 * pause_, kLongestPause) : kBurst;
    report_(found, done);
    wake_in(kInAnyCase);
  }

  // The number of the watch, -1 where there is no such folder: its parent is
  // watched.
  int watch(const std::string& folder) {
    const auto fd = root_.open_file(folder, O_PATH | O_DIRECTORY);
    if (!fd) return -1;
    const std::string name = "/proc/self/fd/" +  // path: our own
                             std::to_string(fd->get());
    return ::inotify_add_watch(inotify_.get(), name.c_str(),
                               IN_CREATE | IN_DELETE | IN_MOVED_TO |
                                   IN_MOVED_FROM | IN_DELETE_SELF | IN_ONLYDIR);
  }

  void take_events() {
    alignas(inotify_event) std::array<char, 16384> buffer{};
    bool matters = false;
    ssize_t size = 0;
    while ((size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
      size_t at = 0;
      while (at + sizeof(inotify_event) <= static_cast<size_t>(size)) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = buffer.data() + at + sizeof event;
        const size_t length = ::strnlen(name, event.len);
        matters = matters || concerns_us(event.wd, {name, length});
        at += sizeof event + event.len;
      }
    }
    if (!matters || pending_) return;
    pending_ = true;
    wake_in(pause_);
  }

  // In /dev much else comes and goes.
  bool concerns_us(int watch, std::string_view name) const {
    if (watch != dev_watch_ || name.empty()) return true;
    return name.starts_with("nvidia") || places_.folder.ends_with(name);
  }

  void wake_in(Millis pause) {
    const auto set =
        loop_.at(kTimer, BootClock::now() + pause, [this] { look(); });
    if (set) return;
    failure_ = set.error();
    loop_.end();
  }

  loop::Loop& loop_;
  const host::Root& root_;
  evidence::LinkPlaces places_;
  std::array<std::string, 3> folders_;
  const LinksReport& report_;
  Fd inotify_;
  int dev_watch_ = -1;
  Millis pause_ = kBurst;
  bool pending_ = false;
  std::optional<Error> failure_;
};

}  // namespace

Result<void> watch_links(loop::Loop& loop, const host::Root& root,
                         const evidence::LinkPlaces& places,
                         const LinksReport& report) {
  Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.valid()) return fail_errno(errno, "watching folders");
  return Watch(loop, root, places, report, std::move(inotify)).run();
}

}  // namespace gpuward::action
