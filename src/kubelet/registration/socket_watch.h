// Tells when something changes in a directory of sockets: by inotify, and by a
// look each second for what inotify cannot tell (the directory itself was made
// anew, its queue ran over).
//
// Thread: the loop's.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "loop/loop.h"

namespace gpuward::kubelet::registration {

// A socket by more than its name. A new one may have the inode of an old one,
// not also the time at which it was made.
struct SocketIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  int64_t changed_ns = 0;
  bool operator==(const SocketIdentity&) const = default;
};

// Nothing where no socket lies at `path`.
std::optional<SocketIdentity> socket_at(const std::string& path);

class SocketWatch {
 public:
  // `changed` is called at each change and each second; the directory need not
  // exist yet. `loop` must outlive it.
  static Result<std::unique_ptr<SocketWatch>> start(
      loop::Loop& loop, std::string directory, std::function<void()> changed);
  ~SocketWatch();
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

 private:
  SocketWatch(loop::Loop& loop, std::string directory,
              std::function<void()> changed, Fd inotify);
  void read_events();
  void look();
  void set_timer();

  loop::Loop& loop_;
  std::string directory_;
  std::function<void()> changed_;
  Fd inotify_;
  int timer_;
};

}  // namespace gpuward::kubelet::registration
