// What the loop notices about its users: timers that spin, descriptors that are
// closed too early.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/time.h"

namespace gpuward::loop {

// Told on standard error once for each text; ends the process where
// GPUWARD_STRICT_LOOP is set.
void complain(const std::string& what);

// Notices a timer whose own handler sets it to "at once" every time.
class SpinWatch {
 public:
  // So many firings without a pause are no coincidence.
  static constexpr int kSpin = 16;
  // Less than this ahead is "at once".
  static constexpr Millis kAtOnce = 1ms;

  void fires(int timer);
  void has_fired();
  // True once the timer has been set to "at once" kSpin times in a row.
  bool spins(int timer, Boot when, Boot now);

 private:
  std::optional<int> firing_;
  int spinning_ = 0;  // the timer that is counted
  int in_a_row_ = 0;
};

// Which open file a descriptor was when its handler was set.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const FileIdentity&) const = default;
};
// Nothing where the descriptor is not open.
std::optional<FileIdentity> identity_of(int fd);

}  // namespace gpuward::loop
