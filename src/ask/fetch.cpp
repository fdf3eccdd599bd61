#include "ask/fetch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/fd.h"

namespace gpuward::ask {
namespace {

constexpr size_t kMost = 32 << 20;

Result<void> wait_for(int fd, short events, Boot deadline) {
  for (;;) {
    const Millis left = deadline - BootClock::now();
    if (left <= 0ms) return fail(Error::Kind::timeout, "no answer in time");
    pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "waiting");
  }
}

Result<Fd> connect_to(uint16_t port, Boot deadline) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno(errno, "making a socket");
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int done =
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
  if (done != 0 && errno != EINPROGRESS) {
    return fail(Error::Kind::gone, fmt::format("nobody listens at {}", port));
  }
  TRY_VOID(wait_for(fd.get(), POLLOUT, deadline));
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return fail(Error::Kind::gone, fmt::format("nobody listens at {}", port));
  }
  return fd;
}

// A connection of either kind. read() and write() return what was done, 0 for
// "try again once `wanted()` is ready", -1 for the end of it.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual ssize_t read(char* bytes, size_t size) = 0;
  virtual ssize_t write(const char* bytes, size_t size) = 0;
  short wanted() const { return wanted_; }

 protected:
  short wanted_ = POLLIN;
};

class Plain : public Connection {
 public:
  explicit Plain(int fd) : fd_(fd) {}
  ssize_t read(char* bytes, size_t size) override {
    const ssize_t done = ::recv(fd_, bytes, size, 0);
    return done == 0 ? -1 : result(done, POLLIN);
  }
  ssize_t write(const char* bytes, size_t size) override {
    return result(::send(fd_, bytes, size, MSG_NOSIGNAL), POLLOUT);
  }

 private:
  ssize_t result(ssize_t done, short wanted) {
    if (done > 0) return done;
    wanted_ = wanted;
    const bool again = errno == EAGAIN || errno == EINTR;
    return done < 0 && again ? 0 : -1;
  }
  int fd_;
};

class Tls : public Connection {
 public:
  explicit Tls(int fd) : context_(::SSL_CTX_new(::TLS_client_method())) {
    if (!context_) return;
    ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    ssl_.reset(::SSL_new(context_.get()));
    if (ssl_) ::SSL_set_fd(ssl_.get(), fd);
  }
  bool valid() const { return ssl_ != nullptr; }
  ssize_t connect() { return result(::SSL_connect(ssl_.get())); }
  ssize_t read(char* bytes, size_t size) override {
    return result(::SSL_read(ssl_.get(), bytes, static_cast<int>(size)));
  }
  ssize_t write(const char* bytes, size_t size) override {
    return result(::SSL_write(ssl_.get(), bytes, static_cast<int>(size)));
  }

 private:
  struct Free {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  };
  ssize_t result(int done) {
    if (done > 0) return done;
    const int error = ::SSL_get_error(ssl_.get(), done);
    ::ERR_clear_error();
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      return -1;
    }
    wanted_ = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return 0;
  }
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

Result<void> greet(Tls& tls, int fd, Boot deadline) {
  if (!tls.valid()) return fail(Error::Kind::system, "OpenSSL does not start");
  for (;;) {
    const ssize_t done = tls.connect();
    if (done > 0) return {};
    if (done < 0) return fail(Error::Kind::malformed, "it does not speak TLS");
    TRY_VOID(wait_for(fd, tls.wanted(), deadline));
  }
}

Result<void> send(Connection& to, int fd, std::string_view text,
                  Boot deadline) {
  while (!text.empty()) {
    const ssize_t done = to.write(text.data(), text.size());
    if (done < 0) return fail(Error::Kind::gone, "it hung up");
    text.remove_prefix(static_cast<size_t>(done));
    if (done == 0) TRY_VOID(wait_for(fd, to.wanted(), deadline));
  }
  return {};
}

Result<std::string> receive(Connection& from, int fd, Boot deadline) {
  std::string out;
  std::array<char, 16384> bytes{};
  for (;;) {
    const ssize_t done = from.read(bytes.data(), bytes.size());
    if (done < 0) return out;
    out.append(bytes.data(), static_cast<size_t>(done));
    if (out.size() > kMost) {
      return fail(Error::Kind::malformed, "the answer does not end");
    }
    // A server that never ends is one that is late.
    if (BootClock::now() >= deadline) {
      return fail(Error::Kind::timeout, "no answer in time");
    }
    if (done == 0) TRY_VOID(wait_for(fd, from.wanted(), deadline));
  }
}

}  // namespace

Result<std::string> fetch(const Place& place, const std::string& request,
                          Boot deadline) {
  const Fd fd = TRY(connect_to(place.port, deadline));
  if (!place.tls) {
    Plain plain(fd.get());
    TRY_VOID(send(plain, fd.get(), request, deadline));
    return receive(plain, fd.get(), deadline);
  }
  Tls tls(fd.get());
  TRY_VOID(greet(tls, fd.get(), deadline));
  TRY_VOID(send(tls, fd.get(), request, deadline));
  return receive(tls, fd.get(), deadline);
}

}  // namespace gpuward::ask
