#include "kubelet/guard/ward.h"

#include <fmt/core.h>

#include "kubelet/wire/messages.h"

namespace gpuward::kubelet {
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
bool is_an_answer(const RpcStatus& status) {
  return status.code != RpcStatus::unavailable &&
         status.code != RpcStatus::cancelled &&
         status.code != RpcStatus::deadline_exceeded;
}

std::string_view last_word(std::string_view method) {
  return method.substr(method.rfind('/') + 1);
}

// "GPU-1 GPU-2", for the log.
std::string devices_in(std::string_view method, const std::string& request) {
  if (method != method::kAllocate) return {};
  std::string out;
  const auto wishes = decode_allocate_wishes(request);
  if (!wishes) return out;
  for (const DeviceIds& ids : *wishes) {
    for (const std::string& id : ids) out += (out.empty() ? "" : " ") + id;
  }
  return out;
}

}  // namespace

Ward::Ward(Context context, std::string resource)
    : context_(std::move(context)),
      resource_(std::move(resource)),
      kubelet_(
          context_.loop, context_.log,
          {.kubelet_socket = context_.settings.kubelet_dir + "/kubelet.sock",
           .role = "guard",
           .resource = resource_},
          {.called =
               [this](CallId call, std::string_view method,
                      const std::string& request) {
                 called(call, method, request);
               },
           .left = [this](CallId call) { left(call); }}),
      gone_since_(BootClock::now()),
      allocate_(context_.settings.allocate_failures) {}

Ward::~Ward() {
  for (const auto& [key, call] : open_) context_.loop.cancel(call.timer);
}

Result<std::unique_ptr<PluginLink>> Ward::open_link(const std::string& endpoint,
                                                    int number) {
  return PluginLink::open(
      context_.loop, context_.settings.plugin_dir + "/" + endpoint,
      {.options = context_.settings.options_deadline,
       .liveness_interval = context_.settings.liveness_interval},
      {.connected =
           [this, number](std::string options) {
             connected(number, std::move(options));
           },
       .refused =
           [this, number](const RpcStatus& status) { refused(number, status); },
       .listed =
           [this, number](std::string devices) {
             listed(number, std::move(devices));
           },
       .ended = [this,
                 number](const RpcStatus& status) { ended(number, status); },
       .silence = [this,
                   number](bool is_silent) { silent(number, is_silent); }});
}

void Ward::register_plugin(std::string endpoint, std::string registration,
                           Done done) {
  if (candidate_) {
    candidate_->done({.code = RpcStatus::unavailable,
                      .text = "another registration came meanwhile"});
    candidate_.reset();
  }
  const int number = ++last_number_;
  auto link = open_link(endpoint, number);
  if (!link) {
    return done(
        {.code = RpcStatus::invalid_argument, .text = link.error().text});
  }
  candidate_number_ = number;
  candidate_.emplace(Candidate{std::move(*link), std::move(endpoint),
                               std::move(registration), std::move(done)});
}

void Ward::recall(const SavedResource& saved) {
  endpoint_ = saved.endpoint;
  registration_ = saved.registration;
  devices_ = saved.devices;
  unhealthy_ = all_unhealthy(devices_).value_or("");
  const int number = ++last_number_;
  if (auto link = open_link(endpoint_, number)) {
    link_ = std::move(*link);
    link_number_ = number;
  }
  publish();
  adopt(saved.options);
}

void Ward::adopt(std::string options) {
  options_ = std::move(options);
  // Which socket the plugin has is no matter of the kubelet's.
  kubelet_.offer(with_endpoint(registration_, "").value_or(registration_),
                 options_);
  context_.changed();
}

void Ward::connected(int number, std::string options) {
  if (candidate_ && number == candidate_number_) {
    drop_open_calls("the device plugin registered anew while it was asked");
    Candidate candidate = std::move(*candidate_);
    candidate_.reset();
    link_ = std::move(candidate.link);
    link_number_ = number;
    has_list_ = false;
    gone_since_ = BootClock::now();
    endpoint_ = std::move(candidate.endpoint);
    registration_ = std::move(candidate.registration);
    preferred_ = Circuit(1);
    allocate_ = Circuit(context_.settings.allocate_failures);
    context_.log.event("plugin-registered", resource_, endpoint_);
    publish();
    candidate.done({});
  }
  if (number == link_number_) adopt(std::move(options));
}

void Ward::refused(int number, const RpcStatus& status) {
  if (!candidate_ || number != candidate_number_) return;
  const Done done = std::move(candidate_->done);
  candidate_.reset();
  context_.log.event("plugin-refused", resource_, status.text);
  done({.code = RpcStatus::unavailable,
        .text = "failed to get device plugin options: " + status.text});
}

void Ward::listed(int number, std::string devices) {
  if (number != link_number_) return;
  auto unhealthy = all_unhealthy(devices);
  if (!unhealthy) {
    return context_.log.event("plugin-nonsense", resource_,
                              unhealthy.error().text);
  }
  if (!has_list_) context_.log.event("plugin-listens", resource_, {});
  devices_ = std::move(devices);
  unhealthy_ = std::move(*unhealthy);
  has_list_ = true;
  is_expired_ = false;
  publish();
}

void Ward::ended(int number, const RpcStatus& status) {
  if (number != link_number_) return;
  has_list_ = false;
  gone_since_ = BootClock::now();
  context_.log.event(
      "plugin-gone", resource_,
      status.text.empty() ? "its list of devices ended" : status.text);
  publish();
}

void Ward::silent(int number, bool is_silent) {
  if (number != link_number_) return;
  context_.log.event(is_silent ? "plugin-silent" : "plugin-answers", resource_,
                     {});
  publish();
}

bool Ward::is_reachable() const {
  return link_ && has_list_ && !link_->is_silent();
}

std::string Ward::state_in_words() const {
  if (kubelet_.is_displaced()) return "elsewhere";
  if (is_expired_) return "gone";
  if (!link_ || !has_list_) return "away";
  if (link_->is_silent()) return "silent";
  if (allocate_.is_open()) return "late";
  return preferred_.is_open() ? "answering, without preference" : "answering";
}

std::string Ward::why_not_asked() const {
  if (is_reachable() && !allocate_.is_open()) {
    return "has not answered an earlier GetPreferredAllocation";
  }
  return fmt::format("is {}: its devices are Unhealthy until it answers",
                     state_in_words());
}

void Ward::publish() {
  kubelet_.set_away(!has_list_);
  if (is_expired_) {
    kubelet_.publish("");
  } else if (is_reachable() && !allocate_.is_open()) {
    kubelet_.publish(devices_);
  } else if (!devices_.empty()) {
    kubelet_.publish(unhealthy_);
  }
  context_.changed();
}

void Ward::look() {
  if (!has_list_ && !is_expired_ && !registration_.empty() &&
      BootClock::now() - gone_since_ > context_.settings.plugin_grace) {
    is_expired_ = true;
    context_.log.event("plugin-given-up", resource_,
                       "no plugin for " +
                           to_words(context_.settings.plugin_grace) +
                           ": the kubelet is told of no devices any more");
    publish();
  }
  ask_again();
  kubelet_.look();
  const std::pair seen(kubelet_.is_watched(), kubelet_.is_displaced());
  if (std::exchange(kubelet_seen_, seen) != seen) context_.changed();
}

std::optional<SavedResource> Ward::saved() const {
  if (registration_.empty() || is_expired_ || kubelet_.is_displaced()) {
    return std::nullopt;
  }
  return SavedResource{resource_, endpoint_, registration_, options_, devices_};
}

Json Ward::status() const {
  Json out = Json::object();
  out.set("plugin", state_in_words());
  out.set("kubelet_listens", kubelet_.is_watched());
  int64_t healthy = 0;
  int64_t unhealthy = 0;
  const auto devices = decode_devices(kubelet_.published());
  if (devices) {
    for (const Device& device : *devices) {
      ++(device.healthy ? healthy : unhealthy);
    }
  }
  out.set("healthy", healthy);
  out.set("unhealthy", unhealthy);
  out.set("calls", context_.log.counts_of(resource_));
  out.set("late_answers", late_answers_);
  out.set("waiting_for_plugin", preferred_.stuck() + allocate_.stuck());
  return out;
}

// --- calls ---

Millis Ward::deadline_of(std::string_view method) const {
  const GuardSettings& settings = context_.settings;
  if (method == method::kPreferred) {
    return settings.preferred_deadline.for_resource(resource_);
  }
  if (method == method::kAllocate) {
    return settings.allocate_deadline.for_resource(resource_);
  }
  return settings.prestart_deadline.for_resource(resource_);
}

Circuit* Ward::circuit_of(std::string_view method) {
  if (method == method::kPreferred) return &preferred_;
  return method == method::kAllocate ? &allocate_ : nullptr;
}

void Ward::called(CallId call, std::string_view method,
                  const std::string& request) {
  if (method == method::kPreferred) last_preferred_ = request;
  const Circuit* circuit = circuit_of(method);
  const bool may_pass = is_reachable() && (!circuit || !circuit->is_open());
  if (may_pass) return forward(call, method, request);
  answer_for(call, method,
             {.code = RpcStatus::unavailable,
              .text = fmt::format("gpuward guard: the device plugin of {} {}",
                                  resource_, why_not_asked())},
             {}, devices_in(method, request));
}

void Ward::forward(CallId call, std::string_view method,
                   const std::string& request) {
  const uint64_t key = ++last_key_;
  OpenCall& open = open_[key];
  open = {.kubelet = call,
          .method = std::string(method),
          .devices = devices_in(method, request),
          .began = Steady::now(),
          .timer = context_.loop.new_timer()};
  // Fails only when memory ran out; the canary's own deadline is left then.
  (void)context_.loop.at(open.timer, BootClock::now() + deadline_of(method),
                         [this, key] { late(key); });
  link_->call(
      method, request, kCanary,
      [this, key](const RpcClient::Answer& answer) { finished(key, answer); });
}

// By calls that change nothing: what the kubelet asked last, or would ask.
void Ward::ask_again() {
  const Boot now = BootClock::now();
  const auto options = decode_options(options_);
  if (!is_reachable() || !options || !options->preferred_allocation) return;
  // While an Allocate is left waiting, its own answer is the only proof.
  const bool for_allocate = allocate_.stuck() == 0 && allocate_.may_ask(now);
  if (!preferred_.may_ask(now) && !for_allocate) return;
  if (last_preferred_.empty()) {
    PreferredWish wish{.size = 1};
    const auto devices = decode_devices(devices_);
    if (!devices || devices->empty()) return;
    for (const Device& device : *devices) wish.available.push_back(device.id);
    last_preferred_ = encode_preferred_wishes({wish});
  }
  preferred_.asked(now);
  allocate_.asked(now);
  forward(0, method::kPreferred, last_preferred_);
}

void Ward::late(uint64_t key) {
  OpenCall& call = open_.at(key);
  call.is_late = true;
  if (Circuit* circuit = circuit_of(call.method)) {
    circuit->late(BootClock::now());
  }
  answer_in_place(call, {.code = RpcStatus::deadline_exceeded,
                         .text = fmt::format(
                             "gpuward guard: the device plugin of {} has not "
                             "answered {} for {}",
                             resource_, last_word(call.method),
                             to_words(deadline_of(call.method)))});
  call.kubelet = 0;
  publish();
}

void Ward::finished(uint64_t key, const RpcClient::Answer& answer) {
  const OpenCall call = std::move(open_.at(key));
  open_.erase(key);
  context_.loop.cancel(call.timer);
  const bool is_answer = is_an_answer(answer.status);
  if (Circuit* circuit = circuit_of(call.method)) {
    if (call.is_late) circuit->over();
    if (is_answer) circuit->answered();
    if (is_answer && allocate_.stuck() == 0) allocate_.answered();
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
    if (answer.status.code == RpcStatus::ok) {
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

void Ward::answer_in_place(const OpenCall& call, RpcStatus status) {
  if (call.kubelet == 0) return;
  answer_for(call.kubelet, call.method, std::move(status), since(call.began),
             call.devices);
}

void Ward::answer_for(CallId call, std::string_view method, RpcStatus status,
                      std::chrono::microseconds took,
                      const std::string& devices) {
  const bool has_no_preference = method == method::kPreferred;
  Json more = Json::object();
  if (!devices.empty()) more.set("devices", devices);
  context_.log.call({.resource = resource_,
                     .method = method,
                     .outcome = has_no_preference ? CallLog::Outcome::degraded
                                                  : CallLog::Outcome::failed,
                     .took = took,
                     .text = status.text,
                     .more = std::move(more)});
  if (has_no_preference) {
    kubelet_.answer(call, encode_preferred({}));
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
    answer_in_place(call, {.code = RpcStatus::unavailable,
                           .text = "gpuward guard: " + why});
  }
  open_.clear();
}

}  // namespace gpuward::kubelet
