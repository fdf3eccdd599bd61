// The kubelet's device manager, as far as a device plugin can tell: what is
// registered, the devices, who holds them. Errors read as the kubelet's.
//
// Like the real one (v1.32 to v1.36 were read; kubelet.md): no deadline but for
// the dial and PreStartContainer, one admission at a time (the caller's
// business: admit() is called by one thread), state that can be read while a
// call hangs. All functions may be called by any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "kubelet/calls.h"
#include "kubelet/transport.h"

namespace gpuward::kubelet_test {

// What becomes of the stream of an earlier registration of the same resource.
enum class Streams {
  replace,  // closed when the new one is accepted
  // Kubelets before v1.36: both fill the same list, and whichever ends first
  // disconnects the newer one.
  by_name,
  // v1.36: both fill the same list, the end of one is its own; the same socket
  // is refused while its stream lives.
  by_path,
};

struct Settings {
  std::string dir;        // with a slash at its end
  std::string authority;  // "path": the plugin's socket, as kubelets to v1.25
  Streams streams = Streams::replace;
  Millis dial_limit = 10s;
  Millis grace = 5min;  // how long the capacity of a lost plugin is kept
  Millis prestart_limit = 30s;
  // As if the topology manager had found that any device suits.
  bool numa_aligned = false;
  unsigned seed = 1;
};

struct Registration {
  std::string version;
  std::string endpoint;
  std::string resource;
  bool pre_start = false;
  bool preferred = false;
};

using Ids = std::set<std::string>;

struct Wish {
  std::string resource;
  int count = 0;
};

struct Container {
  bool init = false;  // it ends before the others start, who get its devices
  std::vector<Wish> wishes;
};

struct Pod {
  std::string name;
  std::vector<Container> containers;
};

struct Verdict {
  std::string error;  // empty: admitted
  double seconds = 0;
};

// What a container was given of a resource.
struct Grant {
  Ids ids;
  std::string response;  // a ContainerAllocateResponse
};
using Grants = std::map<std::string, Grant>;         // by resource
using PodGrants = std::map<std::string, Grants>;     // by container
using AllGrants = std::map<std::string, PodGrants>;  // by pod

class DeviceManager {
 public:
  // Takes over what the checkpoint of an earlier kubelet says.
  explicit DeviceManager(Settings settings);

  // What the kubelet does before it answers Register.
  Status register_plugin(const Registration& asked,
                         const std::string& authority);

  Verdict admit(const Pod& pod);
  // The containers of an admitted pod are started.
  Verdict start(const std::string& pod);
  // The pod has ended; its devices are free at the next admission.
  void remove(const std::string& pod);

  Json state();
  Json grants_of(const std::string& pod);
  // Each message of the resource's streams: when, how many, its hash.
  Json history(const std::string& resource);
  // What is wrong, if anything: a device with two owners, an answer that was
  // meant for others.
  Json invariants();
  // False at the limit. The condition sees a resource of state().
  bool wait(const std::string& resource,
            const std::function<bool(const Json&)>& condition, Millis limit);
  // Calls past the admission: `callers` at once, `count` in all.
  Json hammer(const std::string& resource, const std::string& method, int count,
              int callers);

  CallLog& calls() { return calls_; }

 private:
  struct Endpoint {
    int number = 0;
    std::string resource;
    std::string path;
    bool pre_start = false;
    bool preferred = false;
    std::unique_ptr<Connection> connection;  // none: of an earlier kubelet
    std::optional<double> stopped_at;
  };
  // A call may still be under way when its endpoint is replaced.
  using Held = std::shared_ptr<Endpoint>;
  struct Device {
    std::string health;
    std::vector<int64_t> numa;
  };
  struct Message {
    double at = 0;
    size_t healthy = 0;
    size_t unhealthy = 0;
    size_t bytes = 0;
    std::string hash;
    int endpoint = 0;
  };
  struct Resource {
    bool reported = false;  // it has, or had, a list of devices
    std::map<std::string, Device> devices;
    Ids healthy, unhealthy, allocated;
    Held endpoint;
    Registration registration;  // the last one
    std::string authority;
    int registrations = 0;
    int ended = 0;
    std::string end;  // how the last stream ended
    std::vector<Message> messages;
  };

  std::optional<Status> refusal(const Registration& asked) const;
  Status connect(const Held& endpoint);
  void accept(const Held& endpoint, const Registration& asked,
              const std::string& authority);
  void follow(const Held& endpoint);
  void receive(const Held& endpoint, const std::string& bytes);
  void stream_ended(const Held& endpoint, const Status& how);
  void disconnect(const Held& endpoint);
  Reply rpc(Endpoint& endpoint, const std::string& method,
            const std::string& request,
            std::optional<Millis> deadline = std::nullopt);

  // Admission: with the mutex held, which is let go of around calls.
  using Lock = std::unique_lock<std::mutex>;
  using Reusable = std::map<std::string, Ids>;  // by resource
  std::string allocate_container(Lock& lock, const Pod& pod, size_t index,
                                 Reusable& reusable);
  std::string choose(Lock& lock, const Wish& wish, const Ids& reusable,
                     Ids& chosen);
  std::string prefer(Lock& lock, const Wish& wish, const Ids& available,
                     const Ids& chosen, Ids& preferred);
  std::string allocate(Lock& lock, const std::string& resource, const Ids& ids,
                       Grant& grant);
  void free_ended_pods();
  void count_allocated();
  std::vector<std::string> shuffled(const Ids& ids);

  void drop_expired();
  Json json_of(const Resource& resource) const;
  void save() const;
  void restore();

  const Settings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::mt19937 random_;
  std::map<std::string, Resource> resources_;
  // By name, or by name and path: whose end disconnects whom.
  std::map<std::string, Held> clients_;
  std::set<std::string> active_;
  AllGrants grants_;
  int endpoints_ = 0;
  int refused_ = 0;
  CallLog calls_;
};

namespace method {
inline constexpr const char* kRegister = "/v1beta1.Registration/Register";
inline constexpr const char* kOptions =
    "/v1beta1.DevicePlugin/GetDevicePluginOptions";
inline constexpr const char* kWatch = "/v1beta1.DevicePlugin/ListAndWatch";
inline constexpr const char* kPreferred =
    "/v1beta1.DevicePlugin/GetPreferredAllocation";
inline constexpr const char* kAllocate = "/v1beta1.DevicePlugin/Allocate";
inline constexpr const char* kPreStart =
    "/v1beta1.DevicePlugin/PreStartContainer";
}  // namespace method

}  // namespace gpuward::kubelet_test
