// One resource under guard: the vendor's plugin on one side, the kubelet on the
// other. What a plugin that is well says passes byte for byte. What it does not
// say in time is answered here:
//
//   GetPreferredAllocation   an empty answer, which every kubelet takes for "no
//                            preference"; never an error
//   Allocate                 an error; after so many in a row the devices are
//                            Unhealthy until a late call is answered at last
//   the plugin is gone,      the list of devices goes on, all of them Unhealthy
//   stopped, restarting
//
// Allocate is never repeated: plugins change things when they are asked.
//
// Thread: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "kubelet/guard/circuit.h"
#include "kubelet/guard/plugin_link.h"
#include "kubelet/guard/saved.h"
#include "kubelet/guard/settings.h"
#include "kubelet/registration/registrant.h"

namespace gpuward::kubelet::guard {

class Ward {
 public:
  // All must outlive the ward; `changed` is called when saved() or status() has
  // changed.
  struct Context {
    loop::Loop& loop;
    record::CallLog& log;
    const GuardSettings& settings;
    std::function<void()> changed;
  };
  using Done = std::function<void(rpc::RpcStatus)>;

  Ward(Context context, std::string resource);
  ~Ward();
  Ward(const Ward&) = delete;
  Ward& operator=(const Ward&) = delete;

  // A plugin registers at `endpoint` (a name in the plugins' directory) with
  // these bytes of a RegisterRequest. `done` is called once, later: as a
  // kubelet's answer would be, after the plugin was called back.
  void register_plugin(std::string endpoint, std::string registration,
                       Done done);
  // What the guard before this one knew.
  void recall(const SavedResource& saved);
  // Something changed in the kubelet's directory, or a second has passed.
  void look();

  // Nothing once the plugin has been gone for longer than its grace, or serves
  // the kubelet by itself.
  std::optional<SavedResource> saved() const;
  Json status() const;

 private:
  using CallId = registration::Registrant::CallId;
  // A call that the plugin has and has not answered.
  struct OpenCall {
    CallId kubelet = 0;  // who waits; 0 for nobody (any more)
    std::string method;
    std::string devices;  // for the log
    std::chrono::steady_clock::time_point began{};
    int timer = 0;
    bool is_late = false;
  };
  struct Candidate {
    std::unique_ptr<PluginLink> link;
    std::string endpoint;
    std::string registration;
    Done done;
  };

  Result<std::unique_ptr<PluginLink>> open_link(const std::string& endpoint,
                                                int number);
  void connected(int number, std::string options);
  void refused(int number, const rpc::RpcStatus& status);
  void listed(int number, std::string devices);
  void ended(int number, const rpc::RpcStatus& status);
  void silent(int number, bool is_silent);
  void adopt(std::string options);
  void drop_open_calls(const std::string& why);

  void called(CallId call, std::string_view method, const std::string& request);
  void left(CallId call);
  void forward(CallId call, std::string_view method,
               const std::string& request);
  void ask_again();
  void late(uint64_t key);
  void finished(uint64_t key, const rpc::RpcClient::Answer& answer);
  void answer_in_place(const OpenCall& call, rpc::RpcStatus status);
  void answer_for(CallId call, std::string_view method, rpc::RpcStatus status,
                  std::chrono::microseconds took, const std::string& devices);

  Millis deadline_of(std::string_view method) const;
  Circuit* circuit_of(std::string_view method);
  bool is_reachable() const;
  std::string state_in_words() const;
  std::string why_not_asked() const;
  void publish();

  Context context_;
  std::string resource_;
  registration::Registrant kubelet_;

  std::unique_ptr<PluginLink> link_;
  std::optional<Candidate> candidate_;
  int link_number_ = 0;
  int candidate_number_ = 0;
  int last_number_ = 0;

  std::string endpoint_;
  std::string registration_;
  std::string options_;
  std::string devices_;    // as the plugin said last
  std::string unhealthy_;  // the same, all Unhealthy
  bool has_list_ = false;  // of the plugin that is there now
  Boot gone_since_{};
  bool is_expired_ = false;

  Circuit preferred_{1};
  Circuit allocate_;
  std::string last_preferred_;  // the last request, to ask again with
  uint64_t last_key_ = 0;
  std::map<uint64_t, OpenCall> open_;
  int64_t late_answers_ = 0;
  std::pair<bool, bool> kubelet_seen_;  // watched, displaced: as in status()
};

}  // namespace gpuward::kubelet::guard
