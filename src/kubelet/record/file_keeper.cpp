#include "kubelet/record/file_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "base/fd.h"
#include "base/side_thread.h"

namespace gpuward::kubelet::record {
namespace {

constexpr size_t kMostTasks = 256;
constexpr size_t kLargest = 16 << 20;
constexpr mode_t kPrivate = 0600;
constexpr mode_t kPublic = 0644;

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0) return fail_errno(errno, "writing " + path);
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view text,
                          mode_t mode) {
  const std::string next = path + ".new";
  const Fd fd(::open(next.c_str(),
                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                     mode));
  if (!fd.valid()) return fail_errno(errno, "making " + next);
  TRY_VOID(write_all(fd.get(), text, next));
  if (::rename(next.c_str(), path.c_str()) != 0) {
    return fail_errno(errno, "replacing " + path);
  }
  return {};
}

Result<std::string> read_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return fail_errno(errno, "opening " + path);
  std::string text;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) return fail_errno(errno, "reading " + path);
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kLargest) {
      return fail(Error::Kind::unsupported, path + " is too large");
    }
  }
}

}  // namespace

Result<std::string> kept_text(const std::string& path) {
  auto text = read_file(path);
  if (!text && text.error().kind == Error::Kind::not_found) return "";
  return text;
}

// Outlives the keeper where its thread is stuck: see SideThread.
struct FileKeeper::State {
  struct Wanted {
    std::string text;
    mode_t mode = kPrivate;
  };

  // The newest text of `path`, which is then no longer wanted.
  std::optional<Wanted> take(const std::string& path) {
    const std::lock_guard lock(mutex);
    const auto found = wanted.find(path);
    if (found == wanted.end()) return std::nullopt;
    Wanted out = std::move(found->second);
    wanted.erase(found);
    return out;
  }
  void report(const std::string& path, const Result<void>& result) {
    if (result) {
      complained.erase(path);
    } else if (complained.insert(path).second) {
      complain(result.error().text);
    }
  }
  void keep(const std::string& path) {
    const auto next = take(path);
    if (next) report(path, replace_file(path, next->text, next->mode));
  }
  void keep_copy(const std::string& from, const std::string& to) {
    const auto text = read_file(from);
    if (text) {
      report(to, replace_file(to, *text, kPrivate));
    } else if (text.error().kind != Error::Kind::not_found) {
      report(to, std::unexpected(text.error()));
    }
  }

  std::function<void(std::string)> complain;
  std::mutex mutex;
  std::map<std::string, Wanted> wanted;  // guarded by mutex
  std::set<std::string> complained;      // the thread's
  SideThread thread{kMostTasks};
};

FileKeeper::FileKeeper(std::function<void(std::string)> complain)
    : state_(std::make_unique<State>()) {
  state_->complain = std::move(complain);
}

FileKeeper::~FileKeeper() {
  if (!state_->thread.finish()) (void)state_.release();
}

void FileKeeper::replace(const std::string& path, std::string text,
                         bool is_public) {
  {
    const std::lock_guard lock(state_->mutex);
    const bool waits = state_->wanted.contains(path);
    state_->wanted[path] = {std::move(text), is_public ? kPublic : kPrivate};
    if (waits) return;
  }
  State* state = state_.get();
  if (!state->thread.post([state, path] { state->keep(path); })) {
    // So many files that stall: the next text of this one tries again.
    (void)state->take(path);
  }
}

void FileKeeper::copy(const std::string& from, const std::string& to) {
  State* state = state_.get();
  (void)state->thread.post([state, from, to] { state->keep_copy(from, to); });
}

}  // namespace gpuward::kubelet::record
