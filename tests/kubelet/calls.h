// What was called, how long it took, and the bytes that went by. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "kubelet/transport.h"

namespace gpuward::kubelet_test {

// "Allocate" of "/v1beta1.DevicePlugin/Allocate".
std::string short_name(std::string_view method);

std::string to_hex(std::string_view bytes);
Result<std::string> from_hex(std::string_view text);
// FNV-1a, in hex: enough to tell messages apart.
std::string hash_of(std::string_view bytes);

// A clock that does not jump, in seconds since some moment.
double seconds_now();

// {"count":…, "p50_ms":…, "p99_ms":…, "max_ms":…}. Sorts.
Json quantiles(std::vector<double>& milliseconds);

class CallLog {
 public:
  void add(std::string_view method, double seconds, const std::string& request,
           const Reply& reply);
  // Method → {"count", "errors", "p50_ms", …, "request", "response"}: the bytes
  // of the last call, in hex.
  Json json();
  void clear();

 private:
  struct Method {
    int errors = 0;
    std::vector<double> milliseconds;
    std::string request;
    std::string response;
    std::string error;
  };
  std::mutex mutex_;
  std::map<std::string, Method> methods_;
};

}  // namespace gpuward::kubelet_test
