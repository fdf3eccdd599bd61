#include "logs/file_bytes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gpuward::logs {

Result<std::unique_ptr<FileBytes>> FileBytes::open(const std::string& path,
                                                   Boot deadline) {
  const std::string name = path == "-" ? "standard input" : path;
  Fd fd;
  if (path == "-") {
    if (isatty(STDIN_FILENO) != 0) {
      return fail(Error::Kind::unsupported,
                  "standard input is a terminal: pipe a log into it, as in "
                  "journalctl -k | gpuward doctor --log -");
    }
    fd = Fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    // O_NONBLOCK: the open of a FIFO without a writer must not wait.
    fd = Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  }
  const int number = errno;
  if (!fd.valid()) {
    auto error = fail_errno(number, "opening " + name);
    if (number == EACCES) error.error().text += "; try as root";
    return error;
  }
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, "looking at " + name);
  }
  std::unique_ptr<FileBytes> file(new FileBytes(name, std::move(fd), deadline));
  file->directory_ = S_ISDIR(status.st_mode);
  if (S_ISREG(status.st_mode)) {
    file->size_ = status.st_size;
    file->modified_ = Wall(std::chrono::seconds(status.st_mtim.tv_sec));
  }
  return file;
}

Result<size_t> FileBytes::read(char* buffer, size_t size) {
  while (true) {
    const auto left = deadline_ - BootClock::now();
    if (left <= 0ms) {
      return fail(Error::Kind::timeout, name_ + " did not end in time");
    }
    // A FIFO that nobody has opened for writing reads as ended: wait for a
    // writer as long as nothing was read.
    pollfd waited{fd_.get(), POLLIN, 0};
    const auto wait = static_cast<int>(std::min<int64_t>(left.count(), 1000));
    if (poll(&waited, 1, wait) < 0 && errno != EINTR) {
      return fail_errno(errno, "waiting for " + name_);
    }
    if (waited.revents == 0) continue;
    const ssize_t got = ::read(fd_.get(), buffer, size);
    if (got < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return fail_errno(errno, "reading " + name_);
    }
    bytes_in_ += got;
    return static_cast<size_t>(got);
  }
}

}  // namespace gpuward::logs
