// Tells that somebody has set properties of a systemd unit, as runtimes do at
// an update of a container: systemd sends no signal for that, but it writes
// them down below /run/systemd/transient before it applies them.
//
// Thread: that of the loop which waits for fd().
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "host/root.h"

namespace gpuward::heal {

class ScopeWatch {
 public:
  // `root` outlives the watch.
  static Result<ScopeWatch> create(const host::Root& root);

  int fd() const { return inotify_.get(); }
  // From now on too; nothing happens for a unit that is watched already, or of
  // which nothing is written down.
  void add(const std::string& unit);
  // The units of which something was written since; never blocks.
  std::set<std::string> take();

 private:
  ScopeWatch(const host::Root& root, Fd inotify);

  const host::Root* root_;
  Fd inotify_;
  std::map<int, std::string> units_;  // by the number of their watch
};

}  // namespace gpuward::heal
