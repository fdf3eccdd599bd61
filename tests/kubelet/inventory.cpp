// What the device manager shows, and what it leaves to the next kubelet.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "device_plugin.pb.h"
#include "kubelet/checkpoint.h"
#include "kubelet/device_manager.h"

namespace gpuward::kubelet_test {
namespace {

constexpr std::string_view kCheckpoint = "kubelet_internal_checkpoint";

Json to_json(const Ids& ids) {
  Json out = Json::array();
  for (const std::string& id : ids) out.push(id);
  return out;
}

}  // namespace

// As GetCapacity: a resource whose plugin is gone for long is forgotten.
void DeviceManager::drop_expired() {
  const double grace = std::chrono::duration<double>(settings_.grace).count();
  bool any = false;
  for (auto& [name, resource] : resources_) {
    const Held& endpoint = resource.endpoint;
    if (!endpoint || !endpoint->stopped_at || !resource.reported) continue;
    if (seconds_now() - *endpoint->stopped_at < grace) continue;
    resource.endpoint.reset();
    resource.reported = false;
    resource.healthy.clear();
    resource.unhealthy.clear();
    any = true;
  }
  if (any) save();
}

Json DeviceManager::json_of(const Resource& resource) const {
  const auto count = [](const Ids& ids) {
    return static_cast<int64_t>(ids.size());
  };
  Json out = Json::object();
  out.set("capacity", count(resource.healthy) + count(resource.unhealthy));
  out.set("allocatable", count(resource.healthy));
  out.set("healthy", count(resource.healthy));
  out.set("unhealthy", count(resource.unhealthy));
  out.set("allocated", count(resource.allocated));
  out.set("registrations", resource.registrations);
  out.set("messages", static_cast<int64_t>(resource.messages.size()));
  out.set("ended", resource.ended);
  out.set("end", resource.end);
  const Held& endpoint = resource.endpoint;
  const bool open = endpoint && endpoint->connection && !endpoint->stopped_at;
  out.set("stream", open ? "open" : "ended");
  out.set("socket", endpoint ? endpoint->path : "");
  out.set("authority", resource.authority);
  Json options = Json::object();
  options.set("pre_start", endpoint && endpoint->pre_start);
  options.set("preferred", endpoint && endpoint->preferred);
  out.set("options", std::move(options));
  Json asked = Json::object();
  asked.set("version", resource.registration.version);
  asked.set("endpoint", resource.registration.endpoint);
  asked.set("pre_start", resource.registration.pre_start);
  asked.set("preferred", resource.registration.preferred);
  out.set("registration", std::move(asked));
  return out;
}

Json DeviceManager::state() {
  const std::scoped_lock lock(mutex_);
  drop_expired();
  Json resources = Json::object();
  for (const auto& [name, resource] : resources_) {
    Json one = json_of(resource);
    Json devices = Json::object();
    Json numa = Json::object();
    for (const auto& [id, device] : resource.devices) {
      devices.set(id, resource.healthy.contains(id) ? "Healthy"
                      : device.health == "Healthy"  ? "Unhealthy"
                                                    : device.health);
      Json nodes = Json::array();
      for (const int64_t node : device.numa) nodes.push(node);
      numa.set(id, std::move(nodes));
    }
    one.set("devices", std::move(devices));
    one.set("numa", std::move(numa));
    one.set("holders", to_json(resource.allocated));
    resources.set(name, std::move(one));
  }
  Json out = Json::object();
  out.set("resources", std::move(resources));
  out.set("pods", static_cast<int64_t>(active_.size()));
  out.set("refused", refused_);
  return out;
}

Json DeviceManager::history(const std::string& resource) {
  const std::scoped_lock lock(mutex_);
  Json messages = Json::array();
  for (const Message& each : resources_[resource].messages) {
    Json one = Json::object();
    one.set("at", each.at);
    one.set("healthy", static_cast<int64_t>(each.healthy));
    one.set("unhealthy", static_cast<int64_t>(each.unhealthy));
    one.set("bytes", static_cast<int64_t>(each.bytes));
    one.set("hash", each.hash);
    one.set("endpoint", each.endpoint);
    messages.push(std::move(one));
  }
  Json out = Json::object();
  out.set("now", seconds_now());
  out.set("messages", std::move(messages));
  return out;
}

bool DeviceManager::wait(const std::string& resource,
                         const std::function<bool(const Json&)>& condition,
                         Millis limit) {
  Lock lock(mutex_);
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    drop_expired();
    if (condition(json_of(resources_[resource]))) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    // At times without news as well: a capacity expires by itself.
    changed_.wait_until(lock,
                        std::min(end, std::chrono::steady_clock::now() + 50ms));
  }
}

Json DeviceManager::hammer(const std::string& resource,
                           const std::string& method, int count, int callers) {
  Held endpoint;
  std::string request;
  {
    const std::scoped_lock lock(mutex_);
    const Resource& asked = resources_[resource];
    endpoint = asked.endpoint;
    v1beta1::PreferredAllocationRequest preferred;
    auto* wish = preferred.add_container_requests();
    wish->set_allocation_size(static_cast<int>(asked.devices.size() / 2));
    v1beta1::AllocateRequest allocate;
    for (const std::string& id : asked.healthy) {
      wish->add_available_device_ids(id);
      if (allocate.container_requests().empty()) {
        allocate.add_container_requests()->add_devices_ids(id);
      }
    }
    if (method == method::kPreferred) request = preferred.SerializeAsString();
    if (method == method::kAllocate) request = allocate.SerializeAsString();
  }
  if (!endpoint || !endpoint->connection) return Json::object();
  std::mutex mutex;
  std::vector<double> milliseconds;
  int errors = 0;
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&] {
      // A connection each: 64 callers on one would measure gRPC's queue.
      Connection own(endpoint->path, settings_.authority);
      own.wait_until_connected(settings_.dial_limit);
      own.call(method, request);  // the first one of a connection is slower
      for (int turn = 0; turn < count / callers; ++turn) {
        const double began = seconds_now();
        const Reply reply = own.call(method, request);
        const double took = (seconds_now() - began) * 1000;
        const std::scoped_lock lock(mutex);
        milliseconds.push_back(took);
        if (!reply.status.ok()) ++errors;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  Json out = quantiles(milliseconds);
  out.set("errors", errors);
  return out;
}

void DeviceManager::save() const {
  Checkpoint checkpoint{grants_, {}};
  for (const auto& [name, resource] : resources_) {
    if (resource.reported) checkpoint.registered[name] = resource.healthy;
  }
  const auto numa_of = [this](const std::string& name, const std::string& id) {
    const auto resource = resources_.find(name);
    if (resource == resources_.end()) return int64_t{-1};
    const auto device = resource->second.devices.find(id);
    const bool known = device != resource->second.devices.end() &&
                       !device->second.numa.empty();
    return known ? device->second.numa.front() : int64_t{-1};
  };
  const std::string path = settings_.dir + std::string(kCheckpoint);
  std::ofstream(path + ".new") << to_text(checkpoint, numa_of);
  std::error_code ignored;  // whoever reads it finds the older one
  std::filesystem::rename(path + ".new", path, ignored);
}

void DeviceManager::restore() {
  std::ifstream file(settings_.dir + std::string(kCheckpoint));
  std::stringstream text;
  text << file.rdbuf();
  const auto checkpoint = checkpoint_from(text.str());
  if (!checkpoint) return;
  grants_ = checkpoint->grants;
  for (const auto& [pod, containers] : grants_) active_.insert(pod);
  for (const auto& [name, healthy] : checkpoint->registered) {
    Resource& resource = resources_[name];
    resource.reported = true;
    resource.endpoint = std::make_shared<Endpoint>();
    resource.endpoint->resource = name;
    resource.endpoint->stopped_at = seconds_now();
  }
  count_allocated();
}

}  // namespace gpuward::kubelet_test
