// The guard's connection to one plugin's socket: its options, its list of
// devices, and calls. It is what a kubelet would have after a registration,
// with two differences: nothing in it waits without end, and a stream that
// ended is asked for anew, in growing pauses, for as long as the link exists.
//
// Thread: the loop's. Handlers may destroy the link.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kubelet/rpc/client.h"
#include "loop/loop.h"

namespace gpuward::kubelet::guard {

class PluginLink {
 public:
  struct Events {
    std::function<void(std::string options)> connected;
    // Connecting failed, for a socket that is not there as long as
    // Deadlines::options; with the reason. It is tried again.
    std::function<void(rpc::RpcStatus)> refused;
    std::function<void(std::string devices)> listed;
    // The list of devices ended; a new one is asked for.
    std::function<void(rpc::RpcStatus)> ended;
    // It does not, and does again, answer the simplest of calls.
    std::function<void(bool is_silent)> silence;
  };
  struct Deadlines {
    Millis options{0};
    Millis liveness_interval{0};
  };

  // `loop` must outlive it.
  static Result<std::unique_ptr<PluginLink>> open(loop::Loop& loop,
                                                  const std::string& path,
                                                  Deadlines deadlines,
                                                  Events events);
  ~PluginLink();
  PluginLink(const PluginLink&) = delete;
  PluginLink& operator=(const PluginLink&) = delete;

  // As RpcClient::call.
  void call(std::string_view method, const std::string& request,
            Millis deadline, rpc::RpcClient::Done done);
  bool is_silent() const { return is_silent_; }

 private:
  PluginLink(loop::Loop& loop, std::unique_ptr<rpc::RpcClient> client,
             Deadlines deadlines, Events events);
  void connect();
  bool may_come_yet(const rpc::RpcStatus& status);
  void watch();
  void watch_again();
  void ask_whether_alive();
  void set_silent(bool is_silent);

  loop::Loop& loop_;
  std::unique_ptr<rpc::RpcClient> client_;
  Deadlines deadlines_;
  Events events_;
  Boot opened_at_;
  int retry_timer_;
  int liveness_timer_;
  int late_timer_;
  int tries_ = 0;
  bool is_silent_ = false;
};

}  // namespace gpuward::kubelet::guard
