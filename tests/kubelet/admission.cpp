// The kubelet's way to a pod's devices: devicesToAllocate and
// allocateContainerResources of pkg/kubelet/cm/devicemanager/manager.go.
#include <algorithm>

#include "device_plugin.pb.h"
#include "kubelet/device_manager.h"

namespace gpuward::kubelet_test {
namespace {

std::string container_name(size_t index) { return "c" + std::to_string(index); }

std::string has_stopped(const std::string& path) {
  return "endpoint " + path + " has been stopped";
}

Ids without(const Ids& all, const Ids& some) {
  Ids out;
  std::ranges::set_difference(all, some, std::inserter(out, out.end()));
  return out;
}

// Moves of `from` until there are `count`. True when there are.
bool fill(Ids& chosen, const std::vector<std::string>& from, int count) {
  for (const std::string& id : from) {
    if (std::cmp_greater_equal(chosen.size(), count)) break;
    chosen.insert(id);
  }
  return std::cmp_equal(chosen.size(), count);
}

Json strings_of(const auto& map) {
  Json out = Json::object();
  for (const auto& [key, value] : map) out.set(key, value);
  return out;
}

Json to_json(const v1beta1::ContainerAllocateResponse& response) {
  Json mounts = Json::array();
  for (const v1beta1::Mount& each : response.mounts()) {
    Json one = Json::object();
    one.set("container_path", each.container_path());
    one.set("host_path", each.host_path());
    one.set("read_only", each.read_only());
    mounts.push(std::move(one));
  }
  Json devices = Json::array();
  for (const v1beta1::DeviceSpec& each : response.devices()) {
    Json one = Json::object();
    one.set("container_path", each.container_path());
    one.set("host_path", each.host_path());
    one.set("permissions", each.permissions());
    devices.push(std::move(one));
  }
  Json cdi = Json::array();
  for (const v1beta1::CDIDevice& each : response.cdi_devices()) {
    cdi.push(each.name());
  }
  Json out = Json::object();
  out.set("envs", strings_of(response.envs()));
  out.set("annotations", strings_of(response.annotations()));
  out.set("mounts", std::move(mounts));
  out.set("devices", std::move(devices));
  out.set("cdi_devices", std::move(cdi));
  return out;
}

}  // namespace

Verdict DeviceManager::admit(const Pod& pod) {
  const double began = seconds_now();
  Lock lock(mutex_);
  active_.insert(pod.name);
  Reusable reusable;
  std::string error;
  for (size_t index = 0; index < pod.containers.size() && error.empty();
       ++index) {
    error = allocate_container(lock, pod, index, reusable);
  }
  if (!error.empty()) {
    active_.erase(pod.name);  // Failed, for good
    error = "Allocate failed due to " + error + ", which is unexpected";
  }
  changed_.notify_all();
  return {error, seconds_now() - began};
}

std::string DeviceManager::allocate_container(Lock& lock, const Pod& pod,
                                              size_t index,
                                              Reusable& reusable) {
  free_ended_pods();
  const Container& container = pod.containers[index];
  for (const Wish& wish : container.wishes) {
    Ids& shared = reusable[wish.resource];
    Ids chosen;
    std::string error = choose(lock, wish, shared, chosen);
    Grant grant;
    if (error.empty()) error = allocate(lock, wish.resource, chosen, grant);
    if (!error.empty()) {
      count_allocated();
      return error;
    }
    if (container.init) {
      shared.insert(chosen.begin(), chosen.end());
    } else {
      shared = without(shared, chosen);
    }
    grants_[pod.name][container_name(index)][wish.resource] = grant;
  }
  save();
  return {};
}

std::string DeviceManager::choose(Lock& lock, const Wish& wish,
                                  const Ids& reusable, Ids& chosen) {
  const auto found = resources_.find(wish.resource);
  if (found == resources_.end() || !found->second.reported) {
    return "cannot allocate unregistered device " + wish.resource;
  }
  Resource& resource = found->second;
  if (resource.healthy.empty()) {
    return "no healthy devices present; cannot allocate unhealthy devices " +
           wish.resource;
  }
  const auto take = [&](const Ids& from) {
    const bool full = fill(chosen, shuffled(from), wish.count);
    resource.allocated.insert(chosen.begin(), chosen.end());
    return full;
  };
  if (take(reusable)) return {};
  const Ids available = without(resource.healthy, resource.allocated);
  const int needed = wish.count - static_cast<int>(chosen.size());
  if (std::cmp_less(available.size(), needed)) {
    return "requested number of devices unavailable for " + wish.resource +
           ". Requested: " + std::to_string(needed) +
           ", Available: " + std::to_string(available.size());
  }
  if (settings_.numa_aligned && std::cmp_equal(available.size(), needed)) {
    take(available);  // all of them: there is nothing to prefer
    return {};
  }
  Ids preferred;
  const std::string error = prefer(lock, wish, available, chosen, preferred);
  if (!error.empty()) return error;
  Ids legal;
  std::ranges::set_intersection(preferred, available,
                                std::inserter(legal, legal.end()));
  if (!take(legal)) take(available);
  return {};
}

std::string DeviceManager::prefer(Lock& lock, const Wish& wish,
                                  const Ids& available, const Ids& chosen,
                                  Ids& preferred) {
  const Held endpoint = resources_[wish.resource].endpoint;
  if (!endpoint) {
    return "endpoint not found in cache for a registered resource: " +
           wish.resource;
  }
  if (!endpoint->preferred) return {};
  const std::string failed =
      "device plugin GetPreferredAllocation rpc failed with err: ";
  v1beta1::PreferredAllocationRequest request;
  auto* asked = request.add_container_requests();
  Ids all = available;
  all.insert(chosen.begin(), chosen.end());
  for (const std::string& id : shuffled(all)) {
    asked->add_available_device_ids(id);
  }
  for (const std::string& id : shuffled(chosen)) {
    asked->add_must_include_device_ids(id);
  }
  asked->set_allocation_size(wish.count);
  if (endpoint->stopped_at) return failed + has_stopped(endpoint->path);
  lock.unlock();
  const Reply reply =
      rpc(*endpoint, method::kPreferred, request.SerializeAsString());
  lock.lock();
  v1beta1::PreferredAllocationResponse response;
  if (!reply.status.ok() || !response.ParseFromString(reply.bytes)) {
    return failed + reply.status.as_error();
  }
  if (response.container_responses().empty()) return {};
  const auto& ids = response.container_responses(0).device_ids();
  preferred = Ids(ids.begin(), ids.end());
  return {};
}

std::string DeviceManager::allocate(Lock& lock, const std::string& resource,
                                    const Ids& ids, Grant& grant) {
  const Held endpoint = resources_[resource].endpoint;
  if (!endpoint) return "unknown Device Plugin " + resource;
  if (endpoint->stopped_at) return has_stopped(endpoint->path);
  v1beta1::AllocateRequest request;
  auto* asked = request.add_container_requests();
  for (const std::string& id : shuffled(ids)) asked->add_devices_ids(id);
  lock.unlock();
  const Reply reply =
      rpc(*endpoint, method::kAllocate, request.SerializeAsString());
  lock.lock();
  if (!reply.status.ok()) return reply.status.as_error();
  v1beta1::AllocateResponse response;
  if (!response.ParseFromString(reply.bytes)) return "proto: cannot parse";
  if (response.container_responses().empty()) {
    return "no containers return in allocation response";
  }
  grant = {ids, response.container_responses(0).SerializeAsString()};
  return {};
}

// The order of a Go map: none.
std::vector<std::string> DeviceManager::shuffled(const Ids& ids) {
  std::vector<std::string> out(ids.begin(), ids.end());
  std::ranges::shuffle(out, random_);
  return out;
}

void DeviceManager::free_ended_pods() {
  std::erase_if(grants_, [this](const auto& pod) {
    return !active_.contains(pod.first);
  });
  count_allocated();
}

void DeviceManager::count_allocated() {
  for (auto& [name, resource] : resources_) resource.allocated.clear();
  for (const auto& [pod, containers] : grants_) {
    for (const auto& [container, grants] : containers) {
      for (const auto& [name, grant] : grants) {
        resources_[name].allocated.insert(grant.ids.begin(), grant.ids.end());
      }
    }
  }
}

Verdict DeviceManager::start(const std::string& pod) {
  const double began = seconds_now();
  std::vector<std::pair<Held, Ids>> calls;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [container, grants] : grants_[pod]) {
      for (const auto& [name, grant] : grants) {
        calls.emplace_back(resources_[name].endpoint, grant.ids);
      }
    }
  }
  std::string error;
  for (const auto& [endpoint, ids] : calls) {
    if (!error.empty() || !endpoint || !endpoint->pre_start) continue;
    v1beta1::PreStartContainerRequest request;
    for (const std::string& id : ids) request.add_devices_ids(id);
    const Reply reply =
        rpc(*endpoint, method::kPreStart, request.SerializeAsString(),
            settings_.prestart_limit);
    if (!reply.status.ok()) {
      error = "device plugin PreStartContainer rpc failed with err: " +
              reply.status.as_error();
    }
  }
  return {error, seconds_now() - began};
}

void DeviceManager::remove(const std::string& pod) {
  const std::scoped_lock lock(mutex_);
  active_.erase(pod);
}

Json DeviceManager::grants_of(const std::string& pod) {
  const std::scoped_lock lock(mutex_);
  Json out = Json::array();
  const auto found = grants_.find(pod);
  if (found == grants_.end() || !active_.contains(pod)) return out;
  for (const auto& [container, grants] : found->second) {
    for (const auto& [name, grant] : grants) {
      v1beta1::ContainerAllocateResponse response;
      response.ParseFromString(grant.response);
      Json one = to_json(response);
      Json ids = Json::array();
      for (const std::string& id : grant.ids) ids.push(id);
      one.set("container", container);
      one.set("resource", name);
      one.set("ids", std::move(ids));
      out.push(std::move(one));
    }
  }
  return out;
}

Json DeviceManager::invariants() {
  const std::scoped_lock lock(mutex_);
  Json wrong = Json::array();
  std::map<std::pair<std::string, std::string>, std::string> owners;
  for (const auto& [pod, containers] : grants_) {
    if (!active_.contains(pod)) continue;
    for (const auto& [container, grants] : containers) {
      for (const auto& [name, grant] : grants) {
        for (const std::string& id : grant.ids) {
          const auto [owner, is_new] = owners.try_emplace({name, id}, pod);
          // Containers of a pod may follow each other.
          if (is_new || owner->second == pod) continue;
          wrong.push(id + " belongs to " + owner->second + " and " + pod);
        }
      }
    }
  }
  Json out = Json::object();
  out.set("wrong", std::move(wrong));
  out.set("handed_out", static_cast<int64_t>(owners.size()));
  return out;
}

}  // namespace gpuward::kubelet_test
