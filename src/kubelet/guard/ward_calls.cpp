// What the kubelet asks of a ward, and what becomes of it.
#include <fmt/core.h>

#include "kubelet/guard/ward.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::guard {
namespace {

// A late call is left to the plugin so long: its answer tells that the plugin
// is well again.
constexpr Millis kCanary = 10min;

using Steady = std::chrono::steady_clock;

std::chrono::microseconds since(Steady::time_point began) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() -
                                                               began);
}

// Whether a plugin said this itself; the rest is gRPC's, on a lost connection.
bool is_an_answer(const rpc::RpcStatus& status) {
  return status.code != rpc::RpcStatus::unavailable &&
         status.code != rpc::RpcStatus::cancelled &&
         status.code != rpc::RpcStatus::deadline_exceeded;
}

std::string_view last_word(std::string_view method) {
  return method.substr(method.rfind('/') + 1);
}

}  // namespace

Millis Ward::deadline_of(std::string_view method) const {
  const GuardSettings& settings = context_.settings;
  if (method == wire::method::kPreferred) {
    return settings.preferred_deadline.for_resource(resource_);
  }
  if (method == wire::method::kAllocate) {
    return settings.allocate_deadline.for_resource(resource_);
  }
  return settings.prestart_deadline.for_resource(resource_);
}

Circuit* Ward::circuit_of(std::string_view method) {
  if (method == wire::method::kPreferred) return &preferred_;
  return method == wire::method::kAllocate ? &allocate_ : nullptr;
}

std::string Ward::why_not_asked() const {
  if (is_reachable() && !allocate_.is_open()) {
    return "has not answered an earlier GetPreferredAllocation";
  }
  return fmt::format("is {}: its devices are Unhealthy until it answers",
                     state_in_words());
}

void Ward::called(CallId call, std::string_view method,
                  const std::string& request) {
  if (method == wire::method::kPreferred) last_preferred_ = request;
  const Circuit* circuit = circuit_of(method);
  const bool may_pass = is_reachable() && (!circuit || !circuit->is_open());
  if (may_pass) return forward(call, method, request);
  answer_for(call, method,
             {.code = rpc::RpcStatus::unavailable,
              .text = fmt::format("gpuward guard: the device plugin of {} {}",
                                  resource_, why_not_asked())},
             {}, wire::ids_asked_for(method, request));
}

void Ward::forward(CallId call, std::string_view method,
                   const std::string& request) {
  const uint64_t key = ++last_key_;
  OpenCall& open = open_[key];
  open = {.kubelet = call,
          .method = std::string(method),
          .devices = wire::ids_asked_for(method, request),
          .began = Steady::now(),
          .timer = context_.loop.new_timer()};
  // Fails only when memory ran out; the canary's own deadline is left then.
  (void)context_.loop.at(open.timer, context_.loop.now() + deadline_of(method),
                         [this, key] { late(key); });
  link_->call(method, request, kCanary,
              [this, key](const rpc::RpcClient::Answer& answer) {
                finished(key, answer);
              });
}

// By calls that change nothing: what the kubelet asked last, or would ask.
void Ward::ask_again() {
  const Boot now = context_.loop.now();
  const auto options = wire::decode_options(options_);
  if (!is_reachable() || !options || !options->preferred_allocation) return;
  // While an Allocate is left waiting, its own answer is the only proof.
  const bool for_allocate = allocate_.stuck() == 0 && allocate_.may_ask(now);
  if (!preferred_.may_ask(now) && !for_allocate) return;
  if (last_preferred_.empty()) {
    wire::PreferredWish wish{.size = 1};
    const auto devices = wire::decode_devices(devices_);
    if (!devices || devices->empty()) return;
    for (const wire::Device& device : *devices)
      wish.available.push_back(device.id);
    last_preferred_ = wire::encode_preferred_wishes({wish});
  }
  preferred_.asked(now);
  allocate_.asked(now);
  forward(0, wire::method::kPreferred, last_preferred_);
}

void Ward::late(uint64_t key) {
  OpenCall& call = open_.at(key);
  call.is_late = true;
  if (Circuit* circuit = circuit_of(call.method)) {
    circuit->late(context_.loop.now());
  }
  answer_in_place(call, {.code = rpc::RpcStatus::deadline_exceeded,
                         .text = fmt::format(
                             "gpuward guard: the device plugin of {} has not "
                             "answered {} for {}",
                             resource_, last_word(call.method),
                             to_words(deadline_of(call.method)))});
  call.kubelet = 0;
  publish();
}

void Ward::finished(uint64_t key, const rpc::RpcClient::Answer& answer) {
  const OpenCall call = std::move(open_.at(key));
  open_.erase(key);
  context_.loop.cancel(call.timer);
  const bool is_answer = is_an_answer(answer.status);
  if (Circuit* circuit = circuit_of(call.method)) {
    if (call.is_late) circuit->over();
    if (is_answer && call.is_late) circuit->answered_at_last();
    if (is_answer && !call.is_late) circuit->answered();
    if (is_answer && allocate_.stuck() == 0) allocate_.answered_at_last();
  }
  if (call.is_late && is_answer) {
    ++late_answers_;
    context_.log.event(
        "late-answer", resource_,
        fmt::format(
            "{} was answered after {}; nobody gets it", last_word(call.method),
            to_words(std::chrono::duration_cast<Millis>(since(call.began)))));
  }
  if (call.kubelet != 0) {
    if (answer.status.code == rpc::RpcStatus::ok) {
      kubelet_.answer(call.kubelet, answer.bytes);
      Json more = Json::object();
      if (!call.devices.empty()) more.set("devices", call.devices);
      context_.log.call({.resource = resource_,
                         .method = call.method,
                         .took = since(call.began),
                         .more = std::move(more)});
    } else {
      answer_in_place(call, answer.status);
    }
  }
  publish();
}

void Ward::answer_in_place(const OpenCall& call, rpc::RpcStatus status) {
  if (call.kubelet == 0) return;
  answer_for(call.kubelet, call.method, std::move(status), since(call.began),
             call.devices);
}

void Ward::answer_for(CallId call, std::string_view method,
                      rpc::RpcStatus status, std::chrono::microseconds took,
                      const std::string& devices) {
  const bool has_no_preference = method == wire::method::kPreferred;
  Json more = Json::object();
  if (!devices.empty()) more.set("devices", devices);
  context_.log.call({.resource = resource_,
                     .method = method,
                     .outcome = has_no_preference
                                    ? record::CallLog::Outcome::degraded
                                    : record::CallLog::Outcome::failed,
                     .took = took,
                     .text = status.text,
                     .more = std::move(more)});
  if (has_no_preference) {
    kubelet_.answer(call, wire::encode_preferred({}));
  } else {
    kubelet_.refuse(call, std::move(status));
  }
}

void Ward::left(CallId call) {
  for (auto& [key, open] : open_) {
    if (open.kubelet == call) open.kubelet = 0;
  }
}

void Ward::drop_open_calls(const std::string& why) {
  for (const auto& [key, call] : open_) {
    context_.loop.cancel(call.timer);
    answer_in_place(call, {.code = rpc::RpcStatus::unavailable,
                           .text = "gpuward guard: " + why});
  }
  open_.clear();
}

}  // namespace gpuward::kubelet::guard
