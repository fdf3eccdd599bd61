// gRPC over unix sockets, as bytes and by its blocking interfaces: nothing of a
// message is lost, added or put into another order on the way, so that tests
// can compare what was sent with what came. Shares nothing with the product's
// own transport. gRPC's headers are in transport.cpp alone.
//
// All functions may be called by any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace gpuward::kubelet_test {

// The numbers of gRPC's status codes that are used here.
inline constexpr int kOk = 0;
inline constexpr int kUnknown = 2;
inline constexpr int kInvalidArgument = 3;

struct Status {
  int code = kOk;
  std::string text;
  bool ok() const { return code == kOk; }
  // As grpc-go prints an error.
  std::string as_error() const;
};

struct Reply {
  Status status;
  std::string bytes;
};

// A client's connection to one socket.
class Connection {
 public:
  // Empty `authority`: gRPC's own, "localhost". Connects in the first call.
  Connection(const std::string& path, const std::string& authority);
  ~Connection();

  // Tries again and again until the limit, as the kubelet's dial does.
  bool wait_until_connected(Millis limit);
  // Without a deadline it lasts until the other side or cancel() ends it.
  Reply call(const std::string& method, const std::string& request,
             std::optional<Millis> deadline = std::nullopt);
  // A stream of messages, each handed to `receive` in this thread; returns how
  // it ended. Messages over 4 MiB end it, as with grpc-go.
  Status watch(const std::string& method, const std::string& request,
               const std::function<void(std::string)>& receive);
  // Ends all calls, those that come as well.
  void cancel();
  // Ends streams alone.
  void cancel_streams();

 private:
  struct Channel;
  struct Calls;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Calls> calls_;
};

struct Call {
  std::string request;
  std::string authority;
  std::function<bool()> cancelled;
};

// A server of one socket. Its calls run in threads of their own, as many as
// there are calls.
class Server {
 public:
  using Unary = std::function<Reply(const Call&)>;
  using Send = std::function<bool(const std::string&)>;  // false: it is gone
  using Stream = std::function<Status(const Call&, const Send&)>;

  Server();
  // Waits for its calls: not to be destroyed while one hangs. See retire().
  ~Server();

  // Before listen().
  void on(const std::string& method, Unary answer);
  void on_stream(const std::string& method, Stream answer);

  // Makes the socket, in place of one that is there, and serves it.
  Result<void> listen(const std::string& path);
  // No more connections; removes the socket if it is still ours.
  void close_socket();
  // Cancels all calls and closes all connections, but waits for nothing: a
  // call that hangs goes on hanging. The server is never destroyed.
  static void retire(std::unique_ptr<Server> server);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gpuward::kubelet_test
