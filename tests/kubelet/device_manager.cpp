#include "kubelet/device_manager.h"

#include <algorithm>
#include <thread>

#include "device_plugin.pb.h"

namespace gpuward::kubelet_test {
namespace {

Status failure(std::string text) { return {kUnknown, std::move(text)}; }

// A domain name, a slash and a name; kubernetes.io is the kubelet's own.
bool is_extended_resource(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  const std::string_view domain = name.substr(0, slash);
  const std::string_view rest = name.substr(slash + 1);
  const auto fits = [](std::string_view part, std::string_view also) {
    return !part.empty() && part.size() <= 63 &&
           std::ranges::all_of(part, [&](char letter) {
             return std::isalnum(static_cast<unsigned char>(letter)) != 0 ||
                    also.contains(letter);
           });
  };
  return fits(rest, "-_.") && fits(domain, "-.") &&
         !domain.ends_with("kubernetes.io") && !name.starts_with("requests.");
}

}  // namespace

DeviceManager::DeviceManager(Settings settings)
    : settings_(std::move(settings)), random_(settings_.seed) {
  restore();
}

// --- Registration ---

std::optional<Status> DeviceManager::refusal(const Registration& asked) const {
  if (asked.version != "v1beta1") {
    return failure("requested API version \"" + asked.version +
                   "\" is not supported by kubelet. Supported version is "
                   "[\"v1beta1\"]");
  }
  if (!is_extended_resource(asked.resource)) {
    return failure("the ResourceName \"" + asked.resource + "\" is invalid");
  }
  return std::nullopt;
}

Status DeviceManager::register_plugin(const Registration& asked,
                                      const std::string& authority) {
  const auto endpoint = std::make_shared<Endpoint>();
  endpoint->resource = asked.resource;
  endpoint->path = settings_.dir + asked.endpoint;
  const std::string key = settings_.streams == Streams::by_path
                              ? asked.resource + "\n" + endpoint->path
                              : asked.resource;
  {
    const std::scoped_lock lock(mutex_);
    std::optional<Status> refused = refusal(asked);
    if (!refused && settings_.streams == Streams::by_path &&
        clients_.contains(key)) {
      refused = failure("device plugin " + asked.resource +
                        " is already registered at " + endpoint->path);
    }
    if (refused) {
      ++refused_;
      return *refused;
    }
    endpoint->number = ++endpoints_;
    clients_[key] = endpoint;
  }
  if (const Status status = connect(endpoint); !status.ok()) {
    const std::scoped_lock lock(mutex_);
    clients_.erase(key);
    ++refused_;
    return status;
  }
  accept(endpoint, asked, authority);
  std::thread([this, endpoint] { follow(endpoint); }).detach();
  return {};
}

Status DeviceManager::connect(const Held& endpoint) {
  endpoint->connection = std::make_unique<Connection>(
      endpoint->path,
      settings_.authority == "path" ? endpoint->path : settings_.authority);
  if (!endpoint->connection->wait_until_connected(settings_.dial_limit)) {
    return failure("failed to dial device plugin: context deadline exceeded");
  }
  const Reply reply = rpc(*endpoint, method::kOptions, {});
  v1beta1::DevicePluginOptions options;
  if (!reply.status.ok() || !options.ParseFromString(reply.bytes)) {
    return failure("failed to get device plugin options: " +
                   reply.status.as_error());
  }
  endpoint->pre_start = options.pre_start_required();
  endpoint->preferred = options.get_preferred_allocation_available();
  return {};
}

void DeviceManager::accept(const Held& endpoint, const Registration& asked,
                           const std::string& authority) {
  const std::scoped_lock lock(mutex_);
  Resource& resource = resources_[asked.resource];
  ++resource.registrations;
  resource.registration = asked;
  resource.authority = authority;
  const Held old = std::exchange(resource.endpoint, endpoint);
  if (old && old->connection && settings_.streams == Streams::replace) {
    old->connection->cancel_streams();  // a call under way goes on
  }
  changed_.notify_all();
}

// --- Streams ---

void DeviceManager::follow(const Held& endpoint) {
  const Status how = endpoint->connection->watch(
      method::kWatch, {}, [this, &endpoint](const std::string& bytes) {
        receive(endpoint, bytes);
      });
  stream_ended(endpoint, how);
}

void DeviceManager::receive(const Held& endpoint, const std::string& bytes) {
  v1beta1::ListAndWatchResponse list;
  const std::scoped_lock lock(mutex_);
  Resource& resource = resources_[endpoint->resource];
  const bool current = resource.endpoint == endpoint;
  if (!current && settings_.streams == Streams::replace) return;
  if (!list.ParseFromString(bytes)) {
    endpoint->connection->cancel();
    return;
  }
  resource.reported = true;
  resource.devices.clear();
  resource.healthy.clear();
  resource.unhealthy.clear();
  for (const v1beta1::Device& each : list.devices()) {
    Device& device = resource.devices[each.id()];
    device = {each.health(), {}};
    for (const auto& node : each.topology().nodes()) {
      device.numa.push_back(node.id());
    }
    // One that is named twice, with both healths, is counted twice.
    (each.health() == "Healthy" ? resource.healthy : resource.unhealthy)
        .insert(each.id());
  }
  resource.messages.push_back({seconds_now(), resource.healthy.size(),
                               resource.unhealthy.size(), bytes.size(),
                               hash_of(bytes), endpoint->number});
  save();
  changed_.notify_all();
}

void DeviceManager::stream_ended(const Held& endpoint, const Status& how) {
  const std::scoped_lock lock(mutex_);
  Resource& resource = resources_[endpoint->resource];
  ++resource.ended;
  resource.end = how.ok() ? "EOF" : how.as_error();
  const auto own = std::ranges::find_if(clients_, [&](const auto& client) {
    return settings_.streams == Streams::by_name
               ? client.first == endpoint->resource
               : client.second == endpoint;
  });
  if (own != clients_.end()) {
    const Held lost = own->second;  // by name: perhaps a newer one
    clients_.erase(own);
    disconnect(lost);
  }
  changed_.notify_all();
}

void DeviceManager::disconnect(const Held& endpoint) {
  endpoint->connection->cancel();
  Resource& resource = resources_[endpoint->resource];
  if (resource.endpoint != endpoint) return;
  resource.unhealthy.merge(resource.healthy);
  resource.healthy.clear();
  resource.reported = true;
  endpoint->stopped_at = seconds_now();
}

Reply DeviceManager::rpc(Endpoint& endpoint, const std::string& method,
                         const std::string& request,
                         std::optional<Millis> deadline) {
  const double began = seconds_now();
  Reply reply = endpoint.connection->call(method, request, deadline);
  calls_.add(method, seconds_now() - began, request, reply);
  return reply;
}

}  // namespace gpuward::kubelet_test
