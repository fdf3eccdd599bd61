// A gRPC client of one Unix socket, in bytes, whose answers arrive on the loop.
//
// Thread: the loop's alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kubelet/rpc/status.h"
#include "loop/loop.h"

namespace gpuward::kubelet::rpc {

class RpcClient {
 public:
  struct Answer {
    RpcStatus status;
    std::string bytes;  // where the status is ok
  };
  using CallId = uint64_t;

  // Connects when the first call is made. `loop` must outlive it.
  static Result<std::unique_ptr<RpcClient>> open(loop::Loop& loop,
                                                 const std::string& path);
  // Cancels what is under way; nothing is called any more.
  ~RpcClient();
  RpcClient(const RpcClient&) = delete;
  RpcClient& operator=(const RpcClient&) = delete;

  // `done` is called once, not from within. A peer that is not there is
  // UNAVAILABLE at once; one that takes longer than `deadline`,
  // DEADLINE_EXCEEDED.
  using Done = std::function<void(Answer)>;
  CallId call(std::string_view method, const std::string& request,
              Millis deadline, Done done);

  struct Watch {
    std::function<void(std::string)> message;
    std::function<void(RpcStatus)> ended;  // once, the last
  };
  // A stream of answers to one request, without end.
  CallId watch(std::string_view method, const std::string& request,
               Watch watch);

  // Its `done` or `ended` still comes (CANCELLED), unless it is over.
  void cancel(CallId call);

 private:
  struct State;
  explicit RpcClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gpuward::kubelet::rpc
