// What a kubelet role did, for people and machines: one line of JSON for each
// event on standard error, and counts by resource and call.
//
// Writing is a thread's of its own: a container runtime that does not empty the
// pipe holds nobody up. What does not fit is dropped and counted.
//
// Thread: the loop's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/side_thread.h"
#include "base/time.h"

namespace gpuward::kubelet::record {

class CallLog {
 public:
  // How a call ended, seen from its caller.
  enum class Outcome {
    answered,  // as it should be
    degraded,  // answered, with less than there could be: by us in place of
               // somebody who is late or gone, or without the best there is
    failed,    // with an error
  };
  struct Call {
    std::string resource;
    std::string_view method;  // the path, or its last word
    Outcome outcome = Outcome::answered;
    std::chrono::microseconds took{0};
    std::string text;  // why, where it was not answered
    Json more;         // members to add: devices, …
  };
  struct Counts {
    int64_t answered = 0;
    int64_t degraded = 0;
    int64_t failed = 0;
    std::chrono::microseconds slowest{0};
  };

  // `role`: "guard", "device-plugin".
  explicit CallLog(std::string role);

  void call(const Call& call);
  // Something else that happened: "plugin-gone", "registered", …
  void event(std::string_view what, std::string_view resource,
             std::string_view text);

  // {"Allocate": {"answered": 3, "degraded": 0, "failed": 0, "slowest_ms": …}}
  Json counts_of(const std::string& resource) const;
  int64_t dropped_lines() const { return dropped_; }

 private:
  void write(const Json& line);

  std::string role_;
  std::map<std::string, std::map<std::string, Counts>> counts_;
  int64_t dropped_ = 0;
  SideThread writer_;
};

std::string_view name_of(CallLog::Outcome outcome);

}  // namespace gpuward::kubelet::record
