#include "evidence/text/log_stream.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace gpuward {
namespace {

constexpr size_t kRawBytes = size_t{256} << 10;

}  // namespace

struct LogStream::Impl {
  ~Impl() {
    if (inflating) inflateEnd(&zlib);
  }
  Result<void> fill(Boot deadline);
  Result<size_t> inflate_into(char* buffer, size_t size, Boot deadline);

  std::string name;
  Fd fd;
  int64_t size = 0;
  int64_t bytes_in = 0;
  std::vector<char> raw = std::vector<char>(kRawBytes);
  size_t begin = 0, end = 0;  // what of `raw` is not used yet
  bool at_end = false;
  bool looked = false;  // whether it is gzip is known
  bool inflating = false;
  bool in_member = false;  // a gzip member has begun and not ended
  z_stream zlib{};
};

LogStream::LogStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogStream::~LogStream() = default;
LogStream::LogStream(LogStream&&) noexcept = default;
LogStream& LogStream::operator=(LogStream&&) noexcept = default;

int64_t LogStream::bytes_in() const { return impl_->bytes_in; }
int64_t LogStream::size() const { return impl_->size; }

Result<LogStream> LogStream::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->name = path == "-" ? "standard input" : path;
  if (path == "-") {
    if (isatty(STDIN_FILENO) != 0) {
      return fail(Error::Kind::unsupported,
                  "standard input is a terminal: pipe a log into it, as in "
                  "journalctl -k | gpuward doctor --log -");
    }
    impl->fd = Fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    // O_NONBLOCK: the open of a FIFO without a writer must not wait.
    impl->fd =
        Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  }
  const int number = errno;
  if (!impl->fd.valid()) {
    auto error = fail_errno(number, "opening " + impl->name);
    if (number == EACCES) error.error().text += "; try as root";
    return error;
  }
  struct stat status {};
  if (fstat(impl->fd.get(), &status) != 0) {
    return fail_errno(errno, "looking at " + impl->name);
  }
  if (S_ISDIR(status.st_mode)) {
    return fail(Error::Kind::unsupported,
                impl->name + " is a directory: name the files in it");
  }
  if (S_ISREG(status.st_mode)) impl->size = status.st_size;
  return LogStream(std::move(impl));
}

// At least one new byte in `raw`, or at_end.
Result<void> LogStream::Impl::fill(Boot deadline) {
  begin = end = 0;
  while (true) {
    const auto left = deadline - BootClock::now();
    if (left <= 0ms) {
      return fail(Error::Kind::timeout, name + " did not end in time");
    }
    // A FIFO that nobody has opened for writing reads as ended: wait for a
    // writer as long as nothing was read.
    pollfd waited{fd.get(), POLLIN, 0};
    const auto wait = static_cast<int>(std::min<int64_t>(left.count(), 1000));
    if (poll(&waited, 1, wait) < 0 && errno != EINTR) {
      return fail_errno(errno, "waiting for " + name);
    }
    if (waited.revents == 0) continue;
    const ssize_t got = ::read(fd.get(), raw.data(), raw.size());
    if (got < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return fail_errno(errno, "reading " + name);
    }
    end = static_cast<size_t>(got);
    bytes_in += got;
    at_end = got == 0;
    return {};
  }
}

Result<size_t> LogStream::Impl::inflate_into(char* buffer, size_t wanted,
                                             Boot deadline) {
  zlib.next_out = reinterpret_cast<Bytef*>(buffer);
  zlib.avail_out = static_cast<uInt>(wanted);
  while (zlib.avail_out == wanted) {
    if (begin == end && !at_end) TRY_VOID(fill(deadline));
    if (begin == end) {
      if (!in_member) return size_t{0};
      return fail(Error::Kind::malformed,
                  name + " was cut: its gzip stream does not end");
    }
    zlib.next_in = reinterpret_cast<Bytef*>(raw.data() + begin);
    zlib.avail_in = static_cast<uInt>(end - begin);
    in_member = true;
    const int answer = inflate(&zlib, Z_NO_FLUSH);
    begin = end - zlib.avail_in;
    if (answer == Z_STREAM_END) {  // members may follow one another
      in_member = false;
      inflateReset(&zlib);
    } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
      // What came out before the damage still counts.
      if (zlib.avail_out < wanted) break;
      return fail(Error::Kind::malformed, name + " is damaged gzip");
    }
  }
  return wanted - zlib.avail_out;
}

Result<size_t> LogStream::read(char* buffer, size_t size, Boot deadline) {
  Impl& self = *impl_;
  if (!self.looked) {
    TRY_VOID(self.fill(deadline));
    self.looked = true;
    const bool gzip =
        self.end >= 2 && self.raw[0] == '\x1f' && self.raw[1] == '\x8b';
    if (gzip) self.inflating = inflateInit2(&self.zlib, 15 + 16) == Z_OK;
  }
  if (self.inflating) return self.inflate_into(buffer, size, deadline);
  if (self.begin == self.end && !self.at_end) TRY_VOID(self.fill(deadline));
  const size_t count = std::min(size, self.end - self.begin);
  std::copy_n(self.raw.data() + self.begin, count, buffer);
  self.begin += count;
  return count;
}

}  // namespace gpuward
