#include "kubelet/wire/messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <limits>

#include "device_plugin.pb.h"

namespace gpuward::kubelet::wire {
namespace {

using Strings = google::protobuf::RepeatedPtrField<std::string>;

template <typename Message>
Result<Message> parse(std::string_view bytes, const char* what) {
  Message message;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Error::Kind::malformed, std::string(what) + " makes no sense");
  }
  return message;
}

// Maps in the order of their keys, so that equal messages have equal bytes.
std::string serialize(const google::protobuf::MessageLite& message) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

std::vector<std::string> list_of(const Strings& strings) {
  return {strings.begin(), strings.end()};
}

void fill(Strings& out, const std::vector<std::string>& from) {
  out.Assign(from.begin(), from.end());
}

PluginOptions from_wire(const v1beta1::DevicePluginOptions& options) {
  return {.pre_start_required = options.pre_start_required(),
          .preferred_allocation = options.get_preferred_allocation_available()};
}

void to_wire(const PluginOptions& options, v1beta1::DevicePluginOptions& out) {
  out.set_pre_start_required(options.pre_start_required);
  out.set_get_preferred_allocation_available(options.preferred_allocation);
}

Allocation from_wire(const v1beta1::ContainerAllocateResponse& from) {
  Allocation out;
  out.envs.insert(from.envs().begin(), from.envs().end());
  out.annotations.insert(from.annotations().begin(), from.annotations().end());
  for (const auto& mount : from.mounts()) {
    out.mounts.push_back(
        {mount.container_path(), mount.host_path(), mount.read_only()});
  }
  for (const auto& node : from.devices()) {
    out.nodes.push_back(
        {node.container_path(), node.host_path(), node.permissions()});
  }
  for (const auto& device : from.cdi_devices()) {
    out.cdi_devices.push_back(device.name());
  }
  return out;
}

void to_wire(const Allocation& from, v1beta1::ContainerAllocateResponse& out) {
  out.mutable_envs()->insert(from.envs.begin(), from.envs.end());
  out.mutable_annotations()->insert(from.annotations.begin(),
                                    from.annotations.end());
  for (const Mount& mount : from.mounts) {
    auto& added = *out.add_mounts();
    added.set_container_path(mount.container_path);
    added.set_host_path(mount.host_path);
    added.set_read_only(mount.read_only);
  }
  for (const DeviceNode& node : from.nodes) {
    auto& added = *out.add_devices();
    added.set_container_path(node.container_path);
    added.set_host_path(node.host_path);
    added.set_permissions(node.permissions);
  }
  for (const std::string& name : from.cdi_devices) {
    out.add_cdi_devices()->set_name(name);
  }
}

}  // namespace

std::string encode(const PluginOptions& options) {
  v1beta1::DevicePluginOptions message;
  to_wire(options, message);
  return serialize(message);
}

Result<PluginOptions> decode_options(std::string_view bytes) {
  return from_wire(TRY(parse<v1beta1::DevicePluginOptions>(
      bytes, "what the plugin says of its options")));
}

std::string encode(const Registration& registration) {
  v1beta1::RegisterRequest message;
  message.set_version(registration.version);
  message.set_endpoint(registration.endpoint);
  message.set_resource_name(registration.resource);
  to_wire(registration.options, *message.mutable_options());
  return serialize(message);
}

Result<Registration> decode_registration(std::string_view bytes) {
  const auto message =
      TRY(parse<v1beta1::RegisterRequest>(bytes, "the registration"));
  return Registration{.version = message.version(),
                      .endpoint = message.endpoint(),
                      .resource = message.resource_name(),
                      .options = from_wire(message.options())};
}

std::string encode(const std::vector<Device>& devices) {
  v1beta1::ListAndWatchResponse message;
  for (const Device& device : devices) {
    auto& added = *message.add_devices();
    added.set_id(device.id);
    added.set_health(device.healthy ? "Healthy" : "Unhealthy");
    for (const int64_t node : device.numa_nodes) {
      added.mutable_topology()->add_nodes()->set_id(node);
    }
  }
  return serialize(message);
}

Result<std::vector<Device>> decode_devices(std::string_view bytes) {
  const auto message = TRY(
      parse<v1beta1::ListAndWatchResponse>(bytes, "the plugin's device list"));
  std::vector<Device> out;
  for (const auto& device : message.devices()) {
    Device& added = out.emplace_back();
    added.id = device.id();
    added.healthy = device.health() == "Healthy";
    for (const auto& node : device.topology().nodes()) {
      added.numa_nodes.push_back(node.id());
    }
  }
  return out;
}

std::string encode_preferred_wishes(const std::vector<PreferredWish>& wishes) {
  v1beta1::PreferredAllocationRequest message;
  for (const PreferredWish& wish : wishes) {
    auto& added = *message.add_container_requests();
    fill(*added.mutable_available_device_ids(), wish.available);
    fill(*added.mutable_must_include_device_ids(), wish.must_include);
    added.set_allocation_size(wish.size);
  }
  return serialize(message);
}

Result<std::vector<PreferredWish>> decode_preferred_wishes(
    std::string_view bytes) {
  const auto message = TRY(parse<v1beta1::PreferredAllocationRequest>(
      bytes, "the request for a preferred allocation"));
  std::vector<PreferredWish> out;
  for (const auto& wish : message.container_requests()) {
    out.push_back({.available = list_of(wish.available_device_ids()),
                   .must_include = list_of(wish.must_include_device_ids()),
                   .size = wish.allocation_size()});
  }
  return out;
}

std::string encode_preferred(const std::vector<DeviceIds>& preferred) {
  v1beta1::PreferredAllocationResponse message;
  for (const DeviceIds& ids : preferred) {
    fill(*message.add_container_responses()->mutable_device_ids(), ids);
  }
  return serialize(message);
}

Result<std::vector<DeviceIds>> decode_preferred(std::string_view bytes) {
  const auto message = TRY(parse<v1beta1::PreferredAllocationResponse>(
      bytes, "the preferred allocation"));
  std::vector<DeviceIds> out;
  for (const auto& answer : message.container_responses()) {
    out.push_back(list_of(answer.device_ids()));
  }
  return out;
}

std::string encode_allocate_wishes(const std::vector<DeviceIds>& wishes) {
  v1beta1::AllocateRequest message;
  for (const DeviceIds& ids : wishes) {
    fill(*message.add_container_requests()->mutable_devices_ids(), ids);
  }
  return serialize(message);
}

Result<std::vector<DeviceIds>> decode_allocate_wishes(std::string_view bytes) {
  const auto message =
      TRY(parse<v1beta1::AllocateRequest>(bytes, "the request to allocate"));
  std::vector<DeviceIds> out;
  for (const auto& wish : message.container_requests()) {
    out.push_back(list_of(wish.devices_ids()));
  }
  return out;
}

std::string ids_asked_for(std::string_view method, std::string_view request) {
  std::string out;
  if (method != method::kAllocate) return out;
  const auto wishes = decode_allocate_wishes(request);
  if (!wishes) return out;
  for (const DeviceIds& ids : *wishes) {
    for (const std::string& id : ids) out += (out.empty() ? "" : " ") + id;
  }
  return out;
}

std::string encode(const std::vector<Allocation>& allocations) {
  v1beta1::AllocateResponse message;
  for (const Allocation& allocation : allocations) {
    to_wire(allocation, *message.add_container_responses());
  }
  return serialize(message);
}

Result<std::vector<Allocation>> decode_allocations(std::string_view bytes) {
  const auto message =
      TRY(parse<v1beta1::AllocateResponse>(bytes, "the allocation"));
  std::vector<Allocation> out;
  for (const auto& answer : message.container_responses()) {
    out.push_back(from_wire(answer));
  }
  return out;
}

Result<std::string> with_endpoint(std::string_view registration,
                                  std::string_view endpoint) {
  auto message =
      TRY(parse<v1beta1::RegisterRequest>(registration, "the registration"));
  message.set_endpoint(std::string(endpoint));
  return serialize(message);
}

Result<std::string> all_unhealthy(std::string_view devices) {
  auto message = TRY(parse<v1beta1::ListAndWatchResponse>(
      devices, "the plugin's device list"));
  for (auto& device : *message.mutable_devices()) {
    device.set_health("Unhealthy");
  }
  return serialize(message);
}

}  // namespace gpuward::kubelet::wire
