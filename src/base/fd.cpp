#include "base/fd.h"

#include <unistd.h>

namespace gpuward {

void Fd::reset() {
  // Not retried on EINTR: Linux has closed the descriptor all the same.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace gpuward
