// What a vendor's plugin answers, and how it goes wrong when it is told to.
// Holds no server: the functions are called by the threads of the calls, all
// others by any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "kubelet/calls.h"
#include "kubelet/transport.h"

namespace gpuward::kubelet_test {

class Vendor {
 public:
  struct Device {
    std::string id;
    std::string health = "Healthy";
    int numa = -1;
  };

  Vendor(std::vector<Device> devices, bool preferred, bool pre_start,
         std::function<void()> ask_driver);

  // What the kubelet calls. `method` is the short name.
  Reply answer(const std::string& method, const Call& call);
  // Until end_streams(), or the other side is gone.
  Status stream(const Call& call, const Server::Send& send);

  bool preferred() const { return preferred_; }
  bool pre_start() const { return pre_start_; }

  // Troubles. A method is "options", "preferred", "allocate" or "prestart".
  void hang(const std::string& method, int after);
  void release(const std::string& method);
  void delay(const std::string& method, double seconds);
  void refuse(const std::string& method, std::string text);  // empty: no more
  void lie(const std::string& method, bool on);
  void set_unknown_fields(bool on);
  void set_silent(bool on);
  void set_padding(size_t bytes);
  void end_streams(Status how);

  // Each is a snapshot for the streams.
  void set_health(const std::string& id, const std::string& health);
  void set_devices(std::vector<Device> devices);
  void send_again();

  Json calls() { return calls_.json(); }
  void clear_calls() { calls_.clear(); }
  // Streams, calls that hang, hashes of what was sent.
  Json state();

 private:
  struct Trouble {
    bool hangs = false;
    int after = 0;  // so many calls are still answered
    double delay_seconds = 0;
    std::string refusal;
    bool lies = false;
  };

  Trouble wait_as_told(const std::string& method);
  Reply work(const std::string& method, const Call& call, bool lies);
  Reply prefer(const std::string& request, bool lies);
  Reply allocate(const std::string& request, bool lies);
  bool knows(const std::string& id);
  std::string seal(std::string bytes);
  void snapshot();

  const bool preferred_;
  const bool pre_start_;
  const std::function<void()> ask_driver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Device> devices_;
  std::map<std::string, Trouble> troubles_;
  bool unknown_fields_ = false;
  bool silent_ = false;
  size_t padding_ = 0;
  std::vector<std::string> snapshots_;  // all, so that none is left out
  int ended_ = 0;                       // how often streams were ended
  Status end_;
  int streams_ = 0;
  int hanging_ = 0;
  std::string authority_;
  CallLog calls_;
};

}  // namespace gpuward::kubelet_test
