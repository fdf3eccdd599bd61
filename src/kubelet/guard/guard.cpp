#include "kubelet/guard/guard.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::guard {
namespace {

constexpr std::string_view kCheckpoint = "kubelet_internal_checkpoint";
// What changes within it is written once.
constexpr Millis kSavePause = 200ms;
// What a guard that was away so long had saved counts no more; while it runs it
// says so more often.
constexpr Millis kForgotten = 5min;
constexpr Millis kSaveAgain = 1min;
constexpr size_t kLongestName = 253 + 1 + 63;  // prefix/name, as Kubernetes'

Result<void> make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!std::filesystem::is_directory(path)) {
    return fail(
        Error::Kind::system,
        fmt::format("cannot make the directory {}: {}", path, error.message()));
  }
  return {};
}

// By links and other spellings too.
bool is_same_directory(const std::string& one, const std::string& other) {
  struct stat left {};
  struct stat right {};
  return ::stat(one.c_str(), &left) == 0 &&
         ::stat(other.c_str(), &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

// Very old where it cannot be told.
Millis age_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return Millis::max();
  const Wall written{std::chrono::duration_cast<Millis>(
      std::chrono::seconds(found.st_mtim.tv_sec) +
      std::chrono::nanoseconds(found.st_mtim.tv_nsec))};
  return wall_now() - written;
}

// The kubelet joins the endpoint to its directory as it is. A name is all that
// plugins send, and all that we follow.
bool is_plain_name(const std::string& endpoint) {
  return !endpoint.empty() && endpoint.find('/') == std::string::npos &&
         endpoint != "." && endpoint != ".." && endpoint != "kubelet.sock";
}

// As the kubelet's IsExtendedResourceName, as far as it matters to us.
bool is_resource(const std::string& name) {
  const size_t slash = name.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < name.size() &&
         name.find('/', slash + 1) == std::string::npos &&
         name.size() <= kLongestName;
}

Result<wire::Registration> sound_registration(const std::string& request) {
  wire::Registration registration = TRY(wire::decode_registration(request));
  if (registration.version != wire::kVersion) {
    return fail(Error::Kind::unsupported,
                fmt::format("the device plugin API {} is not supported; {} is",
                            registration.version, wire::kVersion));
  }
  if (!is_resource(registration.resource)) {
    return fail(Error::Kind::malformed,
                fmt::format("'{}' is no name of an extended resource",
                            registration.resource));
  }
  if (!is_plain_name(registration.endpoint)) {
    return fail(Error::Kind::malformed,
                fmt::format("the endpoint '{}' is no name in the directory of "
                            "kubelet.sock",
                            registration.endpoint));
  }
  return registration;
}

}  // namespace

Result<std::unique_ptr<Guard>> Guard::start(loop::Loop& loop,
                                            GuardSettings settings) {
  TRY_VOID(check(settings));
  TRY_VOID(make_directory(settings.plugin_dir));
  TRY_VOID(make_directory(settings.state_dir));
  if (is_same_directory(settings.kubelet_dir, settings.plugin_dir)) {
    return fail(Error::Kind::malformed,
                fmt::format("{} and {} are one directory: the guard would take "
                            "the kubelet's own socket",
                            settings.plugin_dir, settings.kubelet_dir));
  }
  std::unique_ptr<Guard> guard(new Guard(loop, std::move(settings)));
  Guard* self = guard.get();
  self->recall();
  self->serve_plugins();
  self->kubelet_watch_ = TRY(registration::SocketWatch::start(
      loop, self->settings_.kubelet_dir, [self] { self->look(); }));
  self->plugin_watch_ = TRY(registration::SocketWatch::start(
      loop, self->settings_.plugin_dir, [self] { self->serve_plugins(); }));
  return guard;
}

Guard::Guard(loop::Loop& loop, GuardSettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      files_([](const std::string& text) {
        fmt::print(stderr, "gpuward guard: {}\n", text);
      }),
      save_timer_(loop.new_timer()) {}

Guard::~Guard() {
  loop_.cancel(save_timer_);
  save();
}

// What lay longer than the grace is forgotten: by now the plugin may serve the
// kubelet without us, and our list, all Unhealthy, would take its place.
void Guard::recall() {
  const std::string path = settings_.state_dir + "/registrations.json";
  if (age_of(path) > std::max(settings_.plugin_grace, kForgotten)) return;
  const auto text = record::kept_text(path);
  if (text && text->empty()) return;
  const auto saved =
      text ? saved_from_text(*text) : std::unexpected(text.error());
  if (!saved) return log_.event("state-unreadable", {}, saved.error().text);
  for (const SavedResource& one : *saved) {
    if (!is_plain_name(one.endpoint) || !is_resource(one.resource)) continue;
    ward_of(one.resource).recall(one);
  }
}

void Guard::look() {
  for (const auto& [resource, ward] : wards_) ward->look();
  copy_checkpoint();
  if (loop_.now() - saved_at_ > kSaveAgain) changed();
}

// Some plugins and tools read the kubelet's checkpoint beside its socket. A
// link would point to itself where this directory is mounted in the kubelet's
// place.
void Guard::copy_checkpoint() {
  const std::string from =
      fmt::format("{}/{}", settings_.kubelet_dir, kCheckpoint);
  struct stat found {};
  if (::stat(from.c_str(), &found) != 0) return;
  std::string seen = fmt::format("{}-{}-{}-{}", found.st_ino, found.st_size,
                                 found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  if (seen == checkpoint_seen_) return;
  checkpoint_seen_ = std::move(seen);
  files_.copy(from, fmt::format("{}/{}", settings_.plugin_dir, kCheckpoint));
}

void Guard::serve_plugins() {
  const std::string path = settings_.plugin_dir + "/kubelet.sock";
  if (plugins_ && registration::socket_at(path) == socket_) return;
  plugins_.reset();  // before the new one is there: gRPC removes the path
  if (const auto made = make_directory(settings_.plugin_dir); !made) {
    return log_.event("not-listening", {}, made.error().text);
  }
  auto served = rpc::RpcServer::serve(
      loop_, path,
      {.called =
           [this](rpc::RpcServer::CallId call, std::string_view method,
                  const std::string& request) {
             if (method == wire::method::kRegister)
               return registered(call, request);
             plugins_->refuse(call, {.code = rpc::RpcStatus::unimplemented,
                                     .text = "no such call"});
           },
       .left = [](rpc::RpcServer::CallId) {}});
  if (!served) return log_.event("not-listening", {}, served.error().text);
  plugins_ = std::move(*served);
  socket_ = registration::socket_at(path);
  log_.event("listening", {}, path);
}

void Guard::registered(rpc::RpcServer::CallId call,
                       const std::string& request) {
  const auto registration = sound_registration(request);
  if (!registration) {
    log_.event("plugin-refused", {}, registration.error().text);
    return plugins_->refuse(call, {.code = rpc::RpcStatus::invalid_argument,
                                   .text = registration.error().text});
  }
  ward_of(registration->resource)
      .register_plugin(registration->endpoint, request,
                       [this, call](const rpc::RpcStatus& status) {
                         if (!plugins_) return;
                         if (status.code == rpc::RpcStatus::ok) {
                           plugins_->answer(call, "");
                         } else {
                           plugins_->refuse(call, status);
                         }
                       });
}

Ward& Guard::ward_of(const std::string& resource) {
  auto& ward = wards_[resource];
  if (!ward) {
    ward =
        std::make_unique<Ward>(Ward::Context{.loop = loop_,
                                             .log = log_,
                                             .settings = settings_,
                                             .changed = [this] { changed(); }},
                               resource);
  }
  return *ward;
}

void Guard::changed() {
  if (std::exchange(save_is_due_, true)) return;
  // Fails only when memory ran out; the next change tries again.
  if (!loop_.at(save_timer_, loop_.now() + kSavePause, [this] { save(); })) {
    save_is_due_ = false;
  }
}

void Guard::save() {
  save_is_due_ = false;
  std::vector<SavedResource> saved;
  Json resources = Json::object();
  for (const auto& [resource, ward] : wards_) {
    if (auto one = ward->saved()) saved.push_back(std::move(*one));
    resources.set(resource, ward->status());
  }
  const Boot now = loop_.now();
  if (std::string text = to_text(saved);
      text != saved_text_ || now - saved_at_ > kSaveAgain) {
    saved_text_ = text;
    saved_at_ = now;
    files_.replace(settings_.state_dir + "/registrations.json",
                   std::move(text));
  }
  Json status = Json::object();
  status.set("schema", 1);
  status.set("at", to_iso(wall_now()));
  status.set("resources", std::move(resources));
  status.set("log_lines_dropped", log_.dropped_lines());
  files_.replace(settings_.state_dir + "/guard.json", status.dump(2) + "\n",
                 true);
}

}  // namespace gpuward::kubelet::guard
