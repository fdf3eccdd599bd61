#include "kubelet/registration/registrant.h"

#include <fmt/core.h>

#include <algorithm>

#include "kubelet/registration/own_sockets.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::registration {
namespace {

// The kubelet answers once it has called us back.
constexpr Millis kRegisterDeadline = 10s;
// Between two tries: doubled each time, from the first to the second.
constexpr Millis kFirstPause = 100ms;
constexpr Millis kLongestPause = 10s;
// A registration is followed by ListAndWatch at once; one that is not was lost.
constexpr Millis kStreamIsDue = 10s;
// A kubelet that ended is gone by then: until that is clear nobody is taken for
// displaced.
constexpr Millis kClear = 2s;
// A stream that held so long was a success.
constexpr Millis kLasting = 60s;

Millis pause_after(int tries) {
  constexpr int kMostDoublings = 10;
  return std::min(kFirstPause * (1 << std::min(tries, kMostDoublings)),
                  kLongestPause);
}

}  // namespace

Registrant::Registrant(loop::Loop& loop, record::CallLog& log,
                       Settings settings, Events events)
    : loop_(loop),
      log_(log),
      settings_(std::move(settings)),
      events_(std::move(events)),
      stem_(socket_stem(settings_.role, settings_.resource)),
      directory_(settings_.kubelet_socket.substr(
          0, settings_.kubelet_socket.rfind('/'))),
      timer_(loop.new_timer()) {
  remove_dead_sockets(directory_, stem_);
}

Registrant::~Registrant() {
  loop_.cancel(timer_);
  kubelet_.reset();
  close_server();
}

void Registrant::offer(std::string registration, std::string options) {
  if (registration == registration_ && options == options_) return;
  registration_ = std::move(registration);
  options_ = std::move(options);
  tries_ = 0;
  next_try_ = loop_.now();
  forget_registration();
  // Old kubelets lose the new one when the old one's stream ends after it.
  close_server();
  look();
}

void Registrant::publish(std::string devices) {
  if (has_devices_ && devices == devices_) return;
  devices_ = std::move(devices);
  has_devices_ = true;
  for (const CallId stream : streams_) server_->send(stream, devices_);
}

void Registrant::withdraw() {
  is_withdrawn_ = true;
  publish("");
}

void Registrant::answer(CallId call, std::string bytes) {
  if (server_) server_->answer(call, std::move(bytes));
}

void Registrant::refuse(CallId call, rpc::RpcStatus status) {
  if (server_) server_->refuse(call, std::move(status));
}

void Registrant::close_server() {
  const std::set<CallId> streams = std::exchange(streams_, {});
  server_.reset();
  socket_.reset();
}

bool Registrant::serve_anew() {
  close_server();
  path_ = directory_ + "/" + new_socket_name(stem_);
  auto served = rpc::RpcServer::serve(
      loop_, path_,
      {.called =
           [this](CallId call, std::string_view method, std::string request) {
             called(call, method, std::move(request));
           },
       .left = [this](CallId call) { left(call); }});
  if (!served) {
    log_.event("not-listening", settings_.resource, served.error().text);
    return false;
  }
  server_ = std::move(*served);
  socket_ = socket_at(path_);
  return socket_.has_value();
}

void Registrant::called(CallId call, std::string_view method,
                        std::string request) {
  if (method == wire::method::kOptions) {
    const auto began = std::chrono::steady_clock::now();
    server_->answer(call, options_);
    log_.call({.resource = settings_.resource,
               .method = method,
               .took = std::chrono::duration_cast<std::chrono::microseconds>(
                   std::chrono::steady_clock::now() - began)});
  } else if (method == wire::method::kListAndWatch) {
    streams_.insert(call);
    if (has_devices_) server_->send(call, devices_);
    log_.event("kubelet-listens", settings_.resource, {});
  } else {
    events_.called(call, method, std::move(request));
  }
}

void Registrant::left(CallId call) {
  if (streams_.erase(call) == 0) return events_.left(call);
  if (!streams_.empty()) return;
  log_.event("kubelet-left", settings_.resource,
             "the kubelet ended the list of devices; registering again");
  if (loop_.now() - registered_at_ > kLasting) tries_ = 0;
  forget_registration();
  lost_ = served_by_;
  lost_at_ = loop_.now();
  next_try_ = loop_.now() + pause_after(tries_);
  try_again();
}

void Registrant::forget_registration() {
  registered_with_kubelet_ = false;
  kubelet_.reset();
}

void Registrant::try_again() {
  const Boot when = std::max(next_try_, loop_.now());
  // Fails only when memory ran out; look() comes each second all the same.
  (void)loop_.at(timer_, when, [this] { look(); });
}

void Registrant::look() {
  if (registration_.empty() || is_withdrawn_) return;
  const auto kubelet = socket_at(settings_.kubelet_socket);
  if (kubelet != seen_kubelet_) {
    // It came, went, or was started anew, and knows nothing of us. Streams of
    // the one before may end only later: they say nothing of this one.
    seen_kubelet_ = kubelet;
    forget_registration();
    if (kubelet) close_server();
    tries_ = 0;
    next_try_ = loop_.now();
  }
  // A kubelet that is to call us back cannot, where our socket is gone.
  if (kubelet_ && !is_serving()) forget_registration();
  if (!kubelet || kubelet_ || is_known() || must_give_way(*kubelet)) return;
  if (loop_.now() < next_try_) return try_again();
  ++tries_;
  next_try_ = loop_.now() + pause_after(tries_);
  if (is_serving() || serve_anew()) register_now();
  try_again();
}

void Registrant::set_away(bool is_away) {
  is_away_ = is_away;
  if (is_away || !is_displaced_) return;
  is_displaced_ = false;
  lost_.reset();
  look();
}

// The kubelet ends a stream when it ends itself, and when another plugin
// registered the same resource; in the second case it listens on.
bool Registrant::must_give_way(const SocketIdentity& kubelet) {
  if (is_displaced_) return true;
  if (!is_away_ || lost_ != kubelet) return false;
  if (is_dead_socket(settings_.kubelet_socket)) return true;  // for a new one
  if (loop_.now() - lost_at_ < kClear) return true;
  is_displaced_ = true;
  close_server();
  log_.event("displaced", settings_.resource,
             "the kubelet has turned to another plugin for this resource, and "
             "ours is away: it is left to it");
  return true;
}

bool Registrant::is_serving() const {
  return server_ && socket_at(path_) == socket_;
}

bool Registrant::is_known() const {
  return registered_with_kubelet_ && is_serving() &&
         (!streams_.empty() || loop_.now() - registered_at_ < kStreamIsDue);
}

Json Registrant::status() const {
  int64_t healthy = 0;
  int64_t unhealthy = 0;
  if (const auto devices = wire::decode_devices(devices_)) {
    for (const wire::Device& device : *devices) {
      ++(device.healthy ? healthy : unhealthy);
    }
  }
  Json out = Json::object();
  out.set("kubelet_listens", is_watched());
  out.set("healthy", healthy);
  out.set("unhealthy", unhealthy);
  out.set("calls", log_.counts_of(settings_.resource));
  return out;
}

void Registrant::register_now() {
  auto client = rpc::RpcClient::open(loop_, settings_.kubelet_socket);
  const auto request = wire::with_endpoint(
      registration_, std::string_view(path_).substr(directory_.size() + 1));
  if (!client || !request) {
    return log_.event("not-registered", settings_.resource,
                      (client ? request.error() : client.error()).text);
  }
  registered_with_kubelet_ = false;
  served_by_ = seen_kubelet_;
  kubelet_ = std::move(*client);
  kubelet_->call(wire::method::kRegister, *request, kRegisterDeadline,
                 [this](const rpc::RpcClient::Answer& answer) {
                   registered(answer.status);
                 });
}

void Registrant::registered(const rpc::RpcStatus& status) {
  kubelet_.reset();
  if (status.code != rpc::RpcStatus::ok) {
    log_.event("not-registered", settings_.resource, status.text);
    return try_again();
  }
  registered_with_kubelet_ = true;
  registered_at_ = loop_.now();
  log_.event("registered", settings_.resource, path_);
}

}  // namespace gpuward::kubelet::registration
