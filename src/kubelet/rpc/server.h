// A gRPC server on a Unix socket whose calls arrive on the loop as bytes. It
// knows no message: what is passed on stays byte for byte what it was.
//
// gRPC's own threads end here: all that is public, and all of Events, is the
// loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kubelet/rpc/status.h"
#include "loop/loop.h"

namespace gpuward::kubelet::rpc {

class RpcServer {
 public:
  // Unique in the process, over all servers.
  using CallId = uint64_t;

  struct Events {
    // Wants one answer() or refuse(), before it any number of send(); now or
    // later.
    std::function<void(CallId, std::string_view method, std::string request)>
        called;
    // The caller went away or cancelled; the call is over and wants no answer.
    std::function<void(CallId)> left;
  };

  // `path` is absolute, of at most 107 bytes; a socket that lies there is
  // replaced. `loop` must outlive the server.
  static Result<std::unique_ptr<RpcServer>> serve(loop::Loop& loop,
                                                  const std::string& path,
                                                  Events events);
  // Ends all calls (UNAVAILABLE) and removes the socket.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Each does nothing for a call that is over.
  void answer(CallId call, std::string bytes);
  void refuse(CallId call, RpcStatus status);
  // One message more of a stream. Where the caller does not read, the oldest
  // that wait are dropped (64 are kept).
  void send(CallId call, std::string bytes);

 private:
  struct State;
  explicit RpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gpuward::kubelet::rpc
