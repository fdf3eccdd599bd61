// `gpuward guard`: stands between the kubelet and device plugins of any maker.
// To the plugins, whose pods have `plugin_dir` in the kubelet's place, it is
// the kubelet; to the kubelet it is each of them. Needs no driver, no agent and
// no API server.
//
// Thread: the loop's.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "kubelet/guard/settings.h"
#include "kubelet/guard/ward.h"
#include "kubelet/record/file_keeper.h"

namespace gpuward::kubelet::guard {

class Guard {
 public:
  // Fails where its own directories cannot be made. `loop` must outlive it.
  static Result<std::unique_ptr<Guard>> start(loop::Loop& loop,
                                              GuardSettings settings);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Guard(loop::Loop& loop, GuardSettings settings);
  void recall();
  void look();
  void serve_plugins();
  void registered(rpc::RpcServer::CallId call, const std::string& request);
  Ward& ward_of(const std::string& resource);
  void changed();
  void save();
  void copy_checkpoint();

  loop::Loop& loop_;
  GuardSettings settings_;
  record::CallLog log_{"guard"};
  record::FileKeeper files_;
  std::map<std::string, std::unique_ptr<Ward>> wards_;
  std::unique_ptr<rpc::RpcServer> plugins_;  // our kubelet.sock
  std::optional<registration::SocketIdentity> socket_;
  std::unique_ptr<registration::SocketWatch> kubelet_watch_;
  std::unique_ptr<registration::SocketWatch> plugin_watch_;
  std::string checkpoint_seen_;
  std::string saved_text_;
  Boot saved_at_{};
  int save_timer_;
  bool save_is_due_ = false;
};

}  // namespace gpuward::kubelet::guard
