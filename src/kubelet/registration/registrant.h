// One resource, as the kubelet sees it: a socket of its own in the kubelet's
// directory, registered there and kept so. A kubelet that restarts deletes the
// socket and forgets us; one whose stream ended never comes back by itself: in
// each case there is a new socket and a new registration. Serves
// GetDevicePluginOptions and any number of ListAndWatch by itself, from what it
// was last told; what else is called goes to the owner.
//
// Thread: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "kubelet/record/call_log.h"
#include "kubelet/registration/socket_watch.h"
#include "kubelet/rpc/client.h"
#include "kubelet/rpc/server.h"
#include "loop/loop.h"

namespace gpuward::kubelet::registration {

class Registrant {
 public:
  using CallId = rpc::RpcServer::CallId;

  struct Settings {
    std::string kubelet_socket;  // its directory is where ours are made
    std::string role;            // "guard", "device-plugin": in our names
    std::string resource;
  };
  struct Events {
    // As RpcServer::Events; a method of the API or any other.
    std::function<void(CallId, std::string_view method, std::string request)>
        called;
    std::function<void(CallId)> left;
  };

  // `loop` and `log` must outlive it.
  Registrant(loop::Loop& loop, record::CallLog& log, Settings settings,
             Events events);
  ~Registrant();
  Registrant(const Registrant&) = delete;
  Registrant& operator=(const Registrant&) = delete;

  // What is registered: bytes of a RegisterRequest, whose endpoint is ours to
  // fill in, and of its DevicePluginOptions. Anew where they changed.
  void offer(std::string registration, std::string options);
  // What every ListAndWatch is told, now and when it begins: bytes of a
  // ListAndWatchResponse. Nothing is sent where nothing changed.
  void publish(std::string devices);
  const std::string& published() const { return devices_; }

  void answer(CallId call, std::string bytes);
  void refuse(CallId call, rpc::RpcStatus status);

  // Whether what is published is only kept in somebody's place, who is away. An
  // own registration is then worth less than another's: where a kubelet that
  // runs on has turned to another plugin for this resource, it is left to it,
  // until somebody is back.
  void set_away(bool is_away);
  // Another plugin serves this resource.
  bool is_displaced() const { return is_displaced_; }

  // The resource is no more: who listens is told of no devices, and nothing is
  // registered any more. For good.
  void withdraw();

  // Something changed in the kubelet's directory (SocketWatch).
  void look();

  // True while a kubelet listens to our devices.
  bool is_watched() const { return !streams_.empty(); }
  // For people and metrics: "kubelet_listens", how many devices it was told of
  // as "healthy" and "unhealthy", "calls" as CallLog counted them.
  Json status() const;

 private:
  bool serve_anew();
  void close_server();
  void called(CallId call, std::string_view method, std::string request);
  void left(CallId call);
  bool is_serving() const;
  bool is_known() const;
  void register_now();
  void registered(const rpc::RpcStatus& status);
  void forget_registration();
  void try_again();
  bool must_give_way(const SocketIdentity& kubelet);

  loop::Loop& loop_;
  record::CallLog& log_;
  Settings settings_;
  Events events_;
  std::string stem_;
  std::string directory_;
  int timer_;

  std::string registration_;  // empty: nothing to offer yet
  std::string options_;
  std::string devices_;
  bool has_devices_ = false;

  std::unique_ptr<rpc::RpcServer> server_;
  std::string path_;  // of the server's socket
  std::optional<SocketIdentity> socket_;
  std::set<CallId> streams_;

  std::unique_ptr<rpc::RpcClient>
      kubelet_;  // while a registration is under way
  std::optional<SocketIdentity> seen_kubelet_;
  bool registered_with_kubelet_ = false;
  bool is_away_ = false;
  bool is_displaced_ = false;
  bool is_withdrawn_ = false;
  std::optional<SocketIdentity> served_by_;  // that was registered with last
  // The kubelet that ended our last stream, and when.
  std::optional<SocketIdentity> lost_;
  Boot lost_at_{};
  Boot registered_at_{};
  Boot next_try_{};
  int tries_ = 0;
};

}  // namespace gpuward::kubelet::registration
