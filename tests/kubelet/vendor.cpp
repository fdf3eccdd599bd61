#include "kubelet/vendor.h"

#include <algorithm>
#include <thread>

#include "device_plugin.pb.h"

namespace gpuward::kubelet_test {
namespace {

// Field 1000, of length type: known to nobody.
constexpr char kUnknownField[] = "\xc2\x3e\x07unknown";

std::string join(const auto& ids) {
  std::string out;
  for (const std::string& id : ids) out += (out.empty() ? "" : ",") + id;
  return out;
}

// The short name of a method → its name in commands.
std::string trouble_name(const std::string& method) {
  if (method == "GetDevicePluginOptions") return "options";
  if (method == "GetPreferredAllocation") return "preferred";
  return method == "Allocate" ? "allocate" : "prestart";
}

Reply unparsable() { return {{kInvalidArgument, "cannot be parsed"}, {}}; }

}  // namespace

Vendor::Vendor(std::vector<Device> devices, bool preferred, bool pre_start,
               std::function<void()> ask_driver)
    : preferred_(preferred),
      pre_start_(pre_start),
      ask_driver_(std::move(ask_driver)),
      devices_(std::move(devices)) {
  snapshot();
}

Reply Vendor::answer(const std::string& method, const Call& call) {
  const double began = seconds_now();
  const Trouble trouble = wait_as_told(trouble_name(method));
  Reply reply;
  if (trouble.refusal.empty()) {
    reply = work(method, call, trouble.lies);
  } else {
    reply = {{kUnknown, trouble.refusal}, {}};
  }
  calls_.add(method, seconds_now() - began, call.request, reply);
  return reply;
}

Vendor::Trouble Vendor::wait_as_told(const std::string& method) {
  std::unique_lock lock(mutex_);
  Trouble& trouble = troubles_[method];
  const bool hangs = trouble.hangs && trouble.after-- <= 0;
  if (hangs) {
    ++hanging_;
    // A hanging call does not notice that its caller has left.
    changed_.wait(lock, [&] { return !trouble.hangs; });
    --hanging_;
  }
  const Trouble told = trouble;
  lock.unlock();
  std::this_thread::sleep_for(
      std::chrono::duration<double>(told.delay_seconds));
  return told;
}

Reply Vendor::work(const std::string& method, const Call& call, bool lies) {
  if (method == "GetPreferredAllocation") return prefer(call.request, lies);
  if (method == "Allocate") return allocate(call.request, lies);
  if (method == "PreStartContainer") return {{}, seal("")};
  v1beta1::DevicePluginOptions options;
  options.set_get_preferred_allocation_available(preferred_);
  options.set_pre_start_required(pre_start_);
  {
    const std::scoped_lock lock(mutex_);
    authority_ = call.authority;
  }
  return {{}, seal(options.SerializeAsString())};
}

Reply Vendor::prefer(const std::string& bytes, bool lies) {
  v1beta1::PreferredAllocationRequest request;
  if (!request.ParseFromString(bytes)) return unparsable();
  ask_driver_();
  v1beta1::PreferredAllocationResponse response;
  for (const auto& asked : request.container_requests()) {
    auto* answer = response.add_container_responses();
    if (lies) {
      answer->add_device_ids("no-such-device");
      continue;
    }
    std::vector<std::string> ids(asked.must_include_device_ids().begin(),
                                 asked.must_include_device_ids().end());
    std::vector<std::string> available(asked.available_device_ids().begin(),
                                       asked.available_device_ids().end());
    std::ranges::sort(available);
    for (const std::string& id : available) {
      if (std::cmp_greater_equal(ids.size(), asked.allocation_size())) break;
      if (std::ranges::count(ids, id) == 0) ids.push_back(id);
    }
    for (const std::string& id : ids) answer->add_device_ids(id);
  }
  return {{}, seal(response.SerializeAsString())};
}

// Something of each kind, and the devices in the environment.
Reply Vendor::allocate(const std::string& bytes, bool lies) {
  v1beta1::AllocateRequest request;
  if (!request.ParseFromString(bytes)) return unparsable();
  v1beta1::AllocateResponse response;
  for (const auto& asked : request.container_requests()) {
    if (lies) continue;  // not one answer
    auto* answer = response.add_container_responses();
    std::vector<std::string> ids(asked.devices_ids().begin(),
                                 asked.devices_ids().end());
    for (const std::string& id : ids) {
      if (!knows(id)) {
        return {{kUnknown, "invalid request: unknown device: " + id}, {}};
      }
      auto* device = answer->add_devices();
      device->set_container_path("/dev/test/" + id);
      device->set_host_path("/dev/test/" + id);
      device->set_permissions("rw");
      answer->add_cdi_devices()->set_name("example.com/test=" + id);
    }
    std::ranges::sort(ids);
    (*answer->mutable_envs())["TEST_DEVICES"] = join(ids);
    (*answer->mutable_envs())["TEST_EMPTY"] = "";
    (*answer->mutable_annotations())["example.com/test"] = join(ids);
    auto* mount = answer->add_mounts();
    mount->set_container_path("/test");
    mount->set_host_path("/opt/test");
    mount->set_read_only(true);
    if (unknown_fields_) answer->MergeFromString(kUnknownField);
  }
  return {{}, seal(response.SerializeAsString())};
}

bool Vendor::knows(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(
      devices_, [&](const Device& device) { return device.id == id; });
}

// Unknown fields go in front: who parses and writes anew puts them at the end.
std::string Vendor::seal(std::string bytes) {
  const std::scoped_lock lock(mutex_);
  return unknown_fields_ ? kUnknownField + bytes : bytes;
}

void Vendor::snapshot() {
  v1beta1::ListAndWatchResponse list;
  for (const Device& each : devices_) {
    auto* device = list.add_devices();
    device->set_id(each.id);
    device->set_health(each.health);
    if (each.numa >= 0)
      device->mutable_topology()->add_nodes()->set_id(each.numa);
    if (unknown_fields_) device->MergeFromString(kUnknownField);
  }
  std::string bytes = list.SerializeAsString();
  if (unknown_fields_) bytes = kUnknownField + bytes;
  if (padding_ > 0) {
    v1beta1::Device padding;  // field 1001, of that length
    padding.set_health(std::string(padding_, 'x'));
    const std::string filler = padding.SerializeAsString();
    bytes += "\xca\x3e";
    for (size_t left = filler.size();; left >>= 7) {
      bytes += static_cast<char>(left > 127 ? (left & 127) | 128 : left);
      if (left <= 127) break;
    }
    bytes += filler;
  }
  snapshots_.push_back(std::move(bytes));
  changed_.notify_all();
}

Status Vendor::stream(const Call& call, const Server::Send& send) {
  std::unique_lock lock(mutex_);
  ++streams_;
  const int ended = ended_;
  size_t next = snapshots_.size() - 1;
  bool gone = false;
  while (!gone && ended == ended_) {
    if (call.cancelled()) break;
    if (silent_ || next == snapshots_.size()) {
      // A stream that was cancelled wakes nobody.
      changed_.wait_for(lock, 20ms);
      continue;
    }
    const std::string bytes = snapshots_[next++];
    lock.unlock();
    gone = !send(bytes);
    lock.lock();
  }
  --streams_;
  changed_.notify_all();
  return ended == ended_ ? Status() : end_;
}

void Vendor::hang(const std::string& method, int after) {
  const std::scoped_lock lock(mutex_);
  troubles_[method].hangs = true;
  troubles_[method].after = after;
}

void Vendor::release(const std::string& method) {
  const std::scoped_lock lock(mutex_);
  for (auto& [name, trouble] : troubles_) {
    if (method.empty() || name == method) trouble.hangs = false;
  }
  changed_.notify_all();
}

void Vendor::delay(const std::string& method, double seconds) {
  const std::scoped_lock lock(mutex_);
  troubles_[method].delay_seconds = seconds;
}

void Vendor::refuse(const std::string& method, std::string text) {
  const std::scoped_lock lock(mutex_);
  troubles_[method].refusal = std::move(text);
}

void Vendor::lie(const std::string& method, bool on) {
  const std::scoped_lock lock(mutex_);
  troubles_[method].lies = on;
}

void Vendor::set_unknown_fields(bool on) {
  const std::scoped_lock lock(mutex_);
  unknown_fields_ = on;
  snapshot();
}

void Vendor::set_silent(bool on) {
  const std::scoped_lock lock(mutex_);
  silent_ = on;
  changed_.notify_all();
}

void Vendor::set_padding(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  padding_ = bytes;
  snapshot();
}

void Vendor::end_streams(Status how) {
  const std::scoped_lock lock(mutex_);
  end_ = std::move(how);
  ++ended_;
  changed_.notify_all();
}

void Vendor::set_health(const std::string& id, const std::string& health) {
  const std::scoped_lock lock(mutex_);
  for (Device& each : devices_) {
    if (each.id == id || id == "all") each.health = health;
  }
  snapshot();
}

void Vendor::set_devices(std::vector<Device> devices) {
  const std::scoped_lock lock(mutex_);
  devices_ = std::move(devices);
  snapshot();
}

void Vendor::send_again() {
  const std::scoped_lock lock(mutex_);
  snapshot();
}

Json Vendor::state() {
  const std::scoped_lock lock(mutex_);
  Json sent = Json::array();
  for (const std::string& each : snapshots_) sent.push(hash_of(each));
  Json out = Json::object();
  out.set("streams", streams_);
  out.set("hanging", hanging_);
  out.set("authority", authority_);
  out.set("snapshots", std::move(sent));
  return out;
}

}  // namespace gpuward::kubelet_test
