// What the kubelet and a device plugin say to each other, as plain structs, and
// their bytes. The API is "v1beta1" of Kubernetes' device plugins; the field
// numbers stand in device_plugin.proto. Protobuf is used in messages.cpp alone.
//
// encode_… gives bytes, decode_… fails with Error::malformed on bytes that are
// none. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gpuward::kubelet::wire {

inline constexpr std::string_view kVersion = "v1beta1";

// gRPC's paths of the calls.
namespace method {
inline constexpr std::string_view kRegister = "/v1beta1.Registration/Register";
inline constexpr std::string_view kOptions =
    "/v1beta1.DevicePlugin/GetDevicePluginOptions";
inline constexpr std::string_view kListAndWatch =
    "/v1beta1.DevicePlugin/ListAndWatch";
inline constexpr std::string_view kPreferred =
    "/v1beta1.DevicePlugin/GetPreferredAllocation";
inline constexpr std::string_view kAllocate = "/v1beta1.DevicePlugin/Allocate";
inline constexpr std::string_view kPreStart =
    "/v1beta1.DevicePlugin/PreStartContainer";
}  // namespace method

struct PluginOptions {
  bool pre_start_required = false;
  bool preferred_allocation = false;
  bool operator==(const PluginOptions&) const = default;
};

struct Registration {
  std::string version{kVersion};
  std::string endpoint;  // a name in the directory of kubelet.sock
  std::string resource;  // "nvidia.com/gpu"
  PluginOptions options;
  bool operator==(const Registration&) const = default;
};

struct Device {
  std::string id;
  bool healthy = false;
  std::vector<int64_t> numa_nodes;  // empty: not known
  bool operator==(const Device&) const = default;
};

// Of one container. Lists of several containers are in the kubelet's order.
struct PreferredWish {
  std::vector<std::string> available;
  std::vector<std::string> must_include;
  int size = 0;
  bool operator==(const PreferredWish&) const = default;
};

struct Mount {
  std::string container_path;
  std::string host_path;
  bool read_only = false;
  bool operator==(const Mount&) const = default;
};

struct DeviceNode {
  std::string container_path;
  std::string host_path;
  std::string permissions;  // "rw"
  bool operator==(const DeviceNode&) const = default;
};

// What one container is to be given.
struct Allocation {
  std::map<std::string, std::string> envs;
  std::vector<Mount> mounts;
  std::vector<DeviceNode> nodes;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> cdi_devices;
  bool operator==(const Allocation&) const = default;
};

using DeviceIds = std::vector<std::string>;

std::string encode(const PluginOptions& options);
Result<PluginOptions> decode_options(std::string_view bytes);

std::string encode(const Registration& registration);
Result<Registration> decode_registration(std::string_view bytes);

std::string encode(const std::vector<Device>& devices);
Result<std::vector<Device>> decode_devices(std::string_view bytes);

std::string encode_preferred_wishes(const std::vector<PreferredWish>& wishes);
Result<std::vector<PreferredWish>> decode_preferred_wishes(
    std::string_view bytes);
std::string encode_preferred(const std::vector<DeviceIds>& preferred);
Result<std::vector<DeviceIds>> decode_preferred(std::string_view bytes);

std::string encode_allocate_wishes(const std::vector<DeviceIds>& wishes);
Result<std::vector<DeviceIds>> decode_allocate_wishes(std::string_view bytes);
// For the log: "GPU-1 GPU-2", of a request to Allocate; else empty.
std::string ids_asked_for(std::string_view method, std::string_view request);
// Deterministic: maps are written in the order of their keys.
std::string encode(const std::vector<Allocation>& allocations);
Result<std::vector<Allocation>> decode_allocations(std::string_view bytes);

// What the guard changes in another's message; all else stays as it is,
// unknown fields included.
Result<std::string> with_endpoint(std::string_view registration,
                                  std::string_view endpoint);
Result<std::string> all_unhealthy(std::string_view devices);

}  // namespace gpuward::kubelet::wire
