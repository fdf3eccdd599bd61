#include "kubelet/record/call_log.h"

#include <unistd.h>

#include <algorithm>

namespace gpuward::kubelet::record {
namespace {

constexpr size_t kMostLines = 1024;

std::string_view last_word(std::string_view method) {
  return method.substr(method.rfind('/') + 1);
}

double in_ms(std::chrono::microseconds took) {
  return static_cast<double>(took.count()) / 1000;
}

void write_line(const std::string& line) {
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t wrote =
        ::write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (wrote <= 0) return;
    done += static_cast<size_t>(wrote);
  }
}

}  // namespace

std::string_view name_of(CallLog::Outcome outcome) {
  switch (outcome) {
    case CallLog::Outcome::answered:
      return "answered";
    case CallLog::Outcome::degraded:
      return "degraded";
    case CallLog::Outcome::failed:
      return "failed";
  }
  return "failed";
}

CallLog::CallLog(std::string role)
    : role_(std::move(role)), writer_(kMostLines) {}

void CallLog::call(const Call& call) {
  const std::string method(last_word(call.method));
  Counts& counts = counts_[call.resource][method];
  switch (call.outcome) {
    case Outcome::answered:
      ++counts.answered;
      break;
    case Outcome::degraded:
      ++counts.degraded;
      break;
    case Outcome::failed:
      ++counts.failed;
      break;
  }
  counts.slowest = std::max(counts.slowest, call.took);
  Json line = Json::object();
  line.set("event", "call");
  line.set("resource", call.resource);
  line.set("method", method);
  line.set("outcome", name_of(call.outcome));
  line.set("ms", in_ms(call.took));
  if (!call.text.empty()) line.set("text", call.text);
  for (const auto& [key, value] : call.more.as_object()) line.set(key, value);
  write(line);
}

void CallLog::event(std::string_view what, std::string_view resource,
                    std::string_view text) {
  Json line = Json::object();
  line.set("event", what);
  if (!resource.empty()) line.set("resource", resource);
  if (!text.empty()) line.set("text", text);
  write(line);
}

void CallLog::write(const Json& line) {
  Json out = Json::object();
  out.set("time", to_iso(wall_now()));
  out.set("role", role_);
  for (const auto& [key, value] : line.as_object()) out.set(key, value);
  if (dropped_ > 0) out.set("lines_dropped", dropped_);
  if (!writer_.post([text = out.dump() + "\n"] { write_line(text); })) {
    ++dropped_;
  }
}

Json CallLog::counts_of(const std::string& resource) const {
  Json out = Json::object();
  const auto found = counts_.find(resource);
  if (found == counts_.end()) return out;
  for (const auto& [method, counts] : found->second) {
    Json one = Json::object();
    one.set("answered", counts.answered);
    one.set("degraded", counts.degraded);
    one.set("failed", counts.failed);
    one.set("slowest_ms", in_ms(counts.slowest));
    out.set(method, std::move(one));
  }
  return out;
}

}  // namespace gpuward::kubelet::record
