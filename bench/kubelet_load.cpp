// A kubelet that does nothing but measure: takes the registration of one
// resource and calls its plugin over and over.
//
//   kubelet-load DIR RESOURCE CALLS THREADS [SECONDS]
//
// Prints {"devices": n, "healthy": n, "METHOD": {"p50_us": …, "p99_us": …,
// "max_us": …}, …}. A plugin whose devices are unhealthy refuses Allocate: how
// long that takes is measured as well.
#include <fmt/core.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>
#include <vector>

#include "kubelet/rpc/bytes.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet {
namespace {

using Steady = std::chrono::steady_clock;

// Answers Register with an empty message and keeps the first endpoint.
class Registry : public grpc::CallbackGenericService {
 public:
  explicit Registry(std::string resource) : resource_(std::move(resource)) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext*) override {
    return new Call(*this);
  }
  std::future<std::string> endpoint() { return endpoint_.get_future(); }

 private:
  class Call : public grpc::ServerGenericBidiReactor {
   public:
    explicit Call(Registry& registry) : registry_(registry) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (ok) registry_.registered(rpc::to_string(request_));
      answer_ = rpc::to_buffer("");
      StartWriteAndFinish(&answer_, {}, grpc::Status::OK);
    }
    void OnDone() override { delete this; }

   private:
    Registry& registry_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer answer_;
  };

  void registered(const std::string& bytes) {
    const auto registration = wire::decode_registration(bytes);
    if (!registration || registration->resource != resource_) return;
    if (!done_.exchange(true)) endpoint_.set_value(registration->endpoint);
  }

  std::string resource_;
  std::promise<std::string> endpoint_;
  std::atomic<bool> done_ = false;
};

class Plugin {
 public:
  explicit Plugin(const std::string& path)
      : stub_(grpc::CreateChannel(rpc::unix_target(path).value(),
                                  grpc::InsecureChannelCredentials())) {}

  std::chrono::microseconds call(std::string_view method,
                                 const std::string& request) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    grpc::ByteBuffer answer;
    grpc::Status status;
    const auto began = Steady::now();
    const auto call = stub_.PrepareUnaryCall(&context, std::string(method),
                                             rpc::to_buffer(request), &queue);
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() -
                                                                 began);
  }

  // The first list with a healthy device, or the last that came until then.
  std::vector<wire::Device> devices(std::chrono::seconds patience) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    grpc::CompletionQueue queue;
    const auto stream = stub_.PrepareCall(
        &context, std::string(wire::method::kListAndWatch), &queue);
    void* tag = nullptr;
    bool ok = false;
    stream->StartCall(nullptr);
    queue.Next(&tag, &ok);
    stream->WriteLast(rpc::to_buffer(""), {}, nullptr);
    queue.Next(&tag, &ok);
    std::vector<wire::Device> out;
    while (ok) {
      grpc::ByteBuffer message;
      stream->Read(&message, nullptr);
      queue.Next(&tag, &ok);
      if (!ok) break;
      out = wire::decode_devices(rpc::to_string(message)).value_or(out);
      if (std::ranges::any_of(out, &wire::Device::healthy)) break;
    }
    context.TryCancel();
    grpc::Status status;
    stream->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return out;
  }

 private:
  grpc::GenericStub stub_;
};

struct Load {
  std::string_view name;
  std::string_view method;
  std::string request;
};

std::vector<Load> loads(const std::vector<wire::Device>& devices) {
  std::vector<std::string> ids;
  for (const wire::Device& device : devices) ids.push_back(device.id);
  const std::vector<std::string> some(
      ids.begin(), ids.begin() + std::min<ptrdiff_t>(2, std::ssize(ids)));
  return {{"GetDevicePluginOptions", wire::method::kOptions, ""},
          {"GetPreferredAllocation", wire::method::kPreferred,
           wire::encode_preferred_wishes(
               {{ids, {}, static_cast<int>(some.size())}})},
          {"Allocate", wire::method::kAllocate,
           wire::encode_allocate_wishes({some})},
          {"PreStartContainer", wire::method::kPreStart, ""}};
}

std::vector<std::chrono::microseconds> run(Plugin& plugin, const Load& load,
                                           int calls, int threads) {
  std::vector<std::vector<std::chrono::microseconds>> each(
      static_cast<size_t>(threads));
  {
    std::vector<std::jthread> workers;
    for (auto& mine : each) {
      workers.emplace_back([&plugin, &load, &mine, calls, threads] {
        for (int i = 0; i < calls / threads; ++i) {
          mine.push_back(plugin.call(load.method, load.request));
        }
      });
    }
  }
  std::vector<std::chrono::microseconds> out;
  for (const auto& mine : each) out.insert(out.end(), mine.begin(), mine.end());
  std::ranges::sort(out);
  return out;
}

int measure(const std::string& directory, const std::string& resource,
            int calls, int threads, std::chrono::seconds patience) {
  Registry registry(resource);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(
      rpc::unix_target(directory + "/kubelet.sock").value(),
      grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&registry);
  const auto server = builder.BuildAndStart();
  auto endpoint = registry.endpoint();
  if (!server || endpoint.wait_for(patience) != std::future_status::ready) {
    fmt::print(stderr, "kubelet-load: nobody registered {}\n", resource);
    return 1;
  }
  Plugin plugin(directory + "/" + endpoint.get());
  const std::vector<wire::Device> devices = plugin.devices(patience);
  fmt::print("{{\"devices\": {}, \"healthy\": {}", devices.size(),
             std::ranges::count_if(devices, &wire::Device::healthy));
  for (const Load& load : loads(devices)) {
    run(plugin, load, threads, threads);  // the first calls connect
    const auto times = run(plugin, load, calls, threads);
    const auto at = [&times](size_t percent) {
      return times[std::min(times.size() - 1, times.size() * percent / 100)]
          .count();
    };
    fmt::print(R"(, "{}": {{"p50_us": {}, "p99_us": {}, "max_us": {}}})",
               load.name, at(50), at(99), times.back().count());
  }
  fmt::print("}}\n");
  // Whoever registered may hold a stream; nothing here is worth waiting for.
  std::fflush(stdout);
  ::_exit(0);
}

}  // namespace
}  // namespace gpuward::kubelet

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr,
               "usage: kubelet-load DIR RESOURCE CALLS THREADS [SECONDS]\n");
    return 64;
  }
  return gpuward::kubelet::measure(
      argv[1], argv[2], std::atoi(argv[3]), std::atoi(argv[4]),
      std::chrono::seconds(argc > 5 ? std::atoi(argv[5]) : 20));
}
