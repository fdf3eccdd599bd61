// The kubelet's sync loop: pods come and go one after the other, in a thread of
// its own that waits for a plugin as long as the plugin likes. Any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "base/json.h"
#include "kubelet/device_manager.h"

namespace gpuward::kubelet_test {

class SyncLoop {
 public:
  // Starts it; `manager`, and this, must live as long as the process.
  explicit SyncLoop(DeviceManager& manager);

  void add(Pod pod);
  void remove(std::string pod);
  // What became of the pod, or {"pending": true} at the limit.
  Json result(const std::string& pod, Millis limit);
  size_t waiting();

 private:
  struct Event {
    Pod pod;
    bool added = false;
  };
  void run();

  DeviceManager& manager_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace gpuward::kubelet_test
