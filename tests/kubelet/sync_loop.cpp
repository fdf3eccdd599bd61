#include "kubelet/sync_loop.h"

#include <thread>

namespace gpuward::kubelet_test {
namespace {

// Resource → all devices of the pod.
Json devices_of(const Json& allocations) {
  std::map<std::string, Ids> all;
  for (const Json& each : allocations.as_array()) {
    for (const Json& id : each["ids"].as_array()) {
      all[std::string(each["resource"].as_string())].emplace(id.as_string());
    }
  }
  Json out = Json::object();
  for (const auto& [resource, ids] : all) {
    Json list = Json::array();
    for (const std::string& id : ids) list.push(id);
    out.set(resource, std::move(list));
  }
  return out;
}

}  // namespace

SyncLoop::SyncLoop(DeviceManager& manager) : manager_(manager) {
  std::thread([this] { run(); }).detach();
}

void SyncLoop::add(Pod pod) {
  const std::scoped_lock lock(mutex_);
  verdicts_.erase(pod.name);
  events_.push_back({std::move(pod), true});
  changed_.notify_all();
}

void SyncLoop::remove(std::string pod) {
  const std::scoped_lock lock(mutex_);
  events_.push_back({{std::move(pod), {}}, false});
  changed_.notify_all();
}

Json SyncLoop::result(const std::string& pod, Millis limit) {
  std::unique_lock lock(mutex_);
  Json out = Json::object();
  out.set("pod", pod);
  if (!changed_.wait_for(lock, limit,
                         [&] { return verdicts_.contains(pod); })) {
    out.set("pending", true);
    out.set("waiting", static_cast<int64_t>(events_.size()));
    return out;
  }
  const Verdict verdict = verdicts_[pod];
  lock.unlock();
  out.set("admitted", verdict.error.empty());
  out.set("reason", verdict.error.empty() ? "" : "UnexpectedAdmissionError");
  out.set("error", verdict.error);
  out.set("seconds", verdict.seconds);
  Json allocations = manager_.grants_of(pod);
  out.set("devices", devices_of(allocations));
  out.set("allocations", std::move(allocations));
  return out;
}

size_t SyncLoop::waiting() {
  const std::scoped_lock lock(mutex_);
  return events_.size();
}

void SyncLoop::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !events_.empty(); });
    const Event event = events_.front();
    lock.unlock();
    Verdict verdict;
    if (event.added) {
      verdict = manager_.admit(event.pod);
    } else {
      manager_.remove(event.pod.name);
    }
    lock.lock();
    events_.pop_front();
    if (event.added) verdicts_[event.pod.name] = verdict;
    changed_.notify_all();
  }
}

}  // namespace gpuward::kubelet_test
