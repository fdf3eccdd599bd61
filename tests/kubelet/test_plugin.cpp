// test_plugin --dir DIR --resource NAME: a vendor's device plugin that hangs,
// dies and lies when it is told to by lines. conformance.py is its user; the
// commands stand in serve() below.
//
// It behaves as NVIDIA's at the edges: a socket of a fixed name, everything
// anew when kubelet.sock is made anew (inotify), no authority of its own.
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "device_plugin.pb.h"
#include "kubelet/lines.h"
#include "kubelet/vendor.h"

namespace gpuward::kubelet_test {
namespace {

constexpr const char* kRegister = "/v1beta1.Registration/Register";
constexpr Millis kRegisterLimit = 10s;

// NVIDIA's plugin starts NVML for each GetPreferredAllocation.
class Driver {
 public:
  Result<void> load() {
    void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (library == nullptr) return fail(Error::Kind::not_found, ::dlerror());
    init_ = reinterpret_cast<Function>(::dlsym(library, "nvmlInit_v2"));
    shutdown_ = reinterpret_cast<Function>(::dlsym(library, "nvmlShutdown"));
    if (init_ == nullptr || shutdown_ == nullptr) {
      return fail(Error::Kind::malformed, "no nvmlInit_v2 in the library");
    }
    return {};
  }
  void ask() const {
    if (init_ == nullptr) return;
    init_();
    shutdown_();
  }

 private:
  using Function = int (*)();
  Function init_ = nullptr;
  Function shutdown_ = nullptr;
};

std::vector<Vendor::Device> devices_of(const std::vector<std::string>& words,
                                       bool numa) {
  std::vector<Vendor::Device> out;
  for (const std::string& word : words) {
    // "8": so many; else a name, perhaps with a health: "a=Unhealthy".
    const auto count = to_number<int>(word);
    for (int index = 0; count && index < *count; ++index) {
      out.push_back({"dev-" + std::to_string(index)});
    }
    if (count) continue;
    const size_t equals = word.find('=');
    out.push_back({word.substr(0, equals)});
    if (equals != std::string::npos)
      out.back().health = word.substr(equals + 1);
  }
  for (size_t index = 0; numa && index < out.size(); ++index) {
    out[index].numa = static_cast<int>(index % 2);
  }
  return out;
}

std::vector<std::string> comma_parts(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string_view part : split(text, ',')) out.emplace_back(part);
  return out;
}

// Serves, registers, and does both anew when it must.
class Plugin {
 public:
  Plugin(const Options& options, Vendor& vendor)
      : vendor_(vendor),
        dir_(options.text("--dir") + "/"),
        authority_(options.text("--authority")),
        retry_seconds_(options.number("--retry", 0.2)),
        resource_(options.text("--resource")),
        socket_(options.text("--socket",
                             "test-" + short_name(resource_) + ".sock")) {}

  void run() {
    std::thread([this] { watch_directory(); }).detach();
    std::thread([this] { live(); }).detach();
  }

  // Everything anew, under another name where one is given.
  void begin_anew(const std::string& resource, const std::string& socket) {
    const std::scoped_lock lock(mutex_);
    if (!resource.empty()) resource_ = resource;
    if (!socket.empty()) socket_ = socket;
    again_ = true;
    changed_.notify_all();
  }
  // Its socket is gone, and with it its connections.
  void stop_serving() {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    again_ = true;
    changed_.notify_all();
  }
  void serve_again() {
    const std::scoped_lock lock(mutex_);
    stopped_ = false;
    again_ = true;
    changed_.notify_all();
  }
  void ignore_kubelet(bool on) {
    const std::scoped_lock lock(mutex_);
    ignores_kubelet_ = on;
  }
  Json state() {
    Json out = vendor_.state();
    const std::scoped_lock lock(mutex_);
    out.set("registered", registered_);
    out.set("registrations", registrations_);
    out.set("refused", refused_);
    out.set("refusal", refusal_);
    out.set("starts", starts_);
    out.set("resource", resource_);
    out.set("socket", dir_ + socket_);
    return out;
  }

 private:
  void live() {
    std::unique_lock lock(mutex_);
    for (;;) {
      again_ = false;
      registered_ = false;
      if (!stopped_) {
        lock.unlock();
        serve();
        lock.lock();
      }
      while (!again_ && !stopped_ && !registered_) {
        lock.unlock();
        const Status status = register_once();
        lock.lock();
        registered_ = status.ok();
        if (status.ok()) {
          ++registrations_;
          break;
        }
        ++refused_;
        refusal_ = status.text;
        changed_.wait_for(lock, std::chrono::duration<double>(retry_seconds_),
                          [this] { return again_; });
      }
      changed_.wait(lock, [this] { return again_; });
      lock.unlock();
      end();
      lock.lock();
    }
  }

  void serve() {
    server_ = std::make_unique<Server>();
    for (const char* name : {"GetDevicePluginOptions", "GetPreferredAllocation",
                             "Allocate", "PreStartContainer"}) {
      server_->on("/v1beta1.DevicePlugin/" + std::string(name),
                  [this, method = std::string(name)](const Call& call) {
                    return vendor_.answer(method, call);
                  });
    }
    server_->on_stream("/v1beta1.DevicePlugin/ListAndWatch",
                       [this](const Call& call, const Server::Send& send) {
                         return vendor_.stream(call, send);
                       });
    std::string path;
    {
      const std::scoped_lock lock(mutex_);
      ++starts_;
      path = dir_ + socket_;
    }
    const auto listening = server_->listen(path);
    if (!listening) {
      ::fprintf(stderr, "test_plugin: %s\n", listening.error().text.c_str());
    }
  }

  void end() {
    vendor_.end_streams({});
    if (server_) Server::retire(std::move(server_));
  }

  Status register_once() {
    v1beta1::RegisterRequest request;
    {
      const std::scoped_lock lock(mutex_);
      request.set_version("v1beta1");
      request.set_endpoint(socket_);
      request.set_resource_name(resource_);
    }
    request.mutable_options()->set_get_preferred_allocation_available(
        vendor_.preferred());
    request.mutable_options()->set_pre_start_required(vendor_.pre_start());
    const std::string path = dir_ + "kubelet.sock";
    Connection kubelet(path, authority_ == "path" ? path : authority_);
    if (!kubelet.wait_until_connected(1s)) {
      return {kUnknown, "no connection to kubelet.sock"};
    }
    return kubelet.call(kRegister, request.SerializeAsString(), kRegisterLimit)
        .status;
  }

  void watch_directory() {
    const Fd watch(::inotify_init1(IN_CLOEXEC));
    ::inotify_add_watch(watch.get(), dir_.c_str(), IN_CREATE | IN_MOVED_TO);
    alignas(inotify_event) char buffer[4096];
    for (;;) {
      const ssize_t length = ::read(watch.get(), buffer, sizeof buffer);
      if (length <= 0) return;
      bool created = false;
      for (ssize_t at = 0; at < length;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        created |= std::string_view(event->name) == "kubelet.sock";
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
      const std::scoped_lock lock(mutex_);
      if (!created || ignores_kubelet_) continue;
      again_ = true;
      changed_.notify_all();
    }
  }

  Vendor& vendor_;
  const std::string dir_;
  const std::string authority_;
  const double retry_seconds_;
  std::unique_ptr<Server> server_;  // of the thread that lives
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string resource_;
  std::string socket_;
  bool again_ = false;
  bool stopped_ = false;
  bool registered_ = false;
  bool ignores_kubelet_ = false;
  int registrations_ = 0;
  int refused_ = 0;
  std::string refusal_;
  int starts_ = 0;
};

// A word of the line as a list of methods: "all" are all.
std::vector<std::string> methods_of(const Line& line) {
  const std::string word = line.word(1);
  if (word != "all") return {word};
  return {"options", "preferred", "allocate", "prestart"};
}

void serve(Plugin& plugin, Vendor& vendor, bool numa) {
  const auto done = [](auto action) {
    return [action](const Line& line) {
      action(line);
      return said_ok();
    };
  };
  const auto on = [](const Line& line, size_t at) {
    return line.word(at) != "off";
  };
  serve_lines({
      {"hang", done([&](const Line& line) {  // hang METHOD [after N]
         const int after = to_number<int>(line.word(3)).value_or(0);
         for (const auto& method : methods_of(line)) vendor.hang(method, after);
       })},
      {"release",
       done([&](const Line& line) { vendor.release(line.word(1)); })},
      {"delay", done([&](const Line& line) {  // delay METHOD SECONDS
         for (const auto& method : methods_of(line)) {
           vendor.delay(method, to_double(line.word(2)).value_or(0));
         }
       })},
      {"error", done([&](const Line& line) {  // error METHOD TEXT|off
         const std::string text = line.rest(2);
         for (const auto& method : methods_of(line)) {
           vendor.refuse(method, text == "off" ? "" : text);
         }
       })},
      {"lie", done([&](const Line& line) {  // lie METHOD [off]
         vendor.lie(line.word(1), on(line, 2));
       })},
      {"health", done([&](const Line& line) {  // health ID|all HEALTH
         vendor.set_health(line.word(1), line.word(2));
       })},
      {"devices", done([&](const Line& line) {  // devices ID[=HEALTH]…
         const std::vector<std::string> ids(line.words.begin() + 1,
                                            line.words.end());
         vendor.set_devices(devices_of(ids, numa));
       })},
      {"send", done([&](const Line&) { vendor.send_again(); })},
      {"end-stream", done([&](const Line& line) {  // end-stream [TEXT]
         const std::string text = line.rest(1);
         vendor.end_streams(text.empty() ? Status() : Status{kUnknown, text});
       })},
      {"silent",
       done([&](const Line& line) { vendor.set_silent(on(line, 1)); })},
      {"unknown-fields",
       done([&](const Line& line) { vendor.set_unknown_fields(on(line, 1)); })},
      {"big", done([&](const Line& line) {  // big MIB
         vendor.set_padding(to_number<size_t>(line.word(1)).value_or(0) << 20);
       })},
      {"reregister", done([&](const Line& line) {
         plugin.begin_anew(line.value("resource").value_or(""),
                           line.value("socket").value_or(""));
       })},
      {"stop-serving", done([&](const Line&) { plugin.stop_serving(); })},
      {"serve-again", done([&](const Line&) { plugin.serve_again(); })},
      {"ignore-kubelet",
       done([&](const Line& line) { plugin.ignore_kubelet(on(line, 1)); })},
      {"calls",
       [&](const Line& line) {  // calls [clear]
         if (line.word(1) != "clear") return vendor.calls();
         vendor.clear_calls();
         return said_ok();
       }},
      {"state", [&](const Line&) { return plugin.state(); }},
      {"die", [](const Line&) -> Json { ::_exit(9); }},
  });
}

int complain(const std::string& text) {
  ::fprintf(stderr, "test_plugin: %s\n", text.c_str());
  return 64;
}

int run(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto options = Options::parse(
      argc, argv,
      {"--dir", "--resource", "--devices", "--options", "--socket",
       "--authority", "--retry", "--numa!", "--sim-nvml!"});
  if (!options) return complain(options.error().text);
  if (!options->has("--dir") || !options->has("--resource")) {
    return complain("--dir and --resource are needed");
  }
  Driver driver;
  if (options->has("--sim-nvml")) {
    // Faults of a scenario may be for a process of this name alone.
    ::prctl(PR_SET_NAME, "nvidia-device-plugin");
    if (const auto loaded = driver.load(); !loaded) {
      return complain(loaded.error().text);
    }
    for (int start = 0; start < 3; ++start) driver.ask();
  }
  const std::string can = options->text("--options", "preferred");
  // Never destroyed: threads of calls that hang go on.
  auto* vendor =
      new Vendor(devices_of(comma_parts(options->text("--devices", "8")),
                            options->has("--numa")),
                 can.contains("preferred"), can.contains("prestart"),
                 [driver] { driver.ask(); });
  auto* plugin = new Plugin(*options, *vendor);
  plugin->run();
  answer(said_ok());
  serve(*plugin, *vendor, options->has("--numa"));
  return 0;
}

}  // namespace
}  // namespace gpuward::kubelet_test

int main(int argc, char** argv) {
  const int code = gpuward::kubelet_test::run(argc, argv);
  ::fflush(stdout);
  ::_exit(code);
}
