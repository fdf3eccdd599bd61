#include "loop/watchful.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <set>

namespace gpuward::loop {

void complain(const std::string& what) {
  thread_local std::set<std::string> told;
  if (!told.insert(what).second) return;
  std::fprintf(stderr, "gpuward: event loop: %s\n", what.c_str());
  if (std::getenv("GPUWARD_STRICT_LOOP") != nullptr) std::abort();
}

void SpinWatch::fires(int timer) { firing_ = timer; }

void SpinWatch::has_fired() { firing_.reset(); }

bool SpinWatch::spins(int timer, Boot when, Boot now) {
  if (firing_ != timer) return false;
  if (when - now >= kAtOnce) {
    if (spinning_ == timer) in_a_row_ = 0;
    return false;
  }
  in_a_row_ = spinning_ == timer ? in_a_row_ + 1 : 1;
  spinning_ = timer;
  return in_a_row_ >= kSpin;
}

std::optional<FileIdentity> identity_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace gpuward::loop
