#include "kubelet/guard/ward.h"

#include <fmt/core.h>

#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::guard {

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
      gone_since_(context_.loop.now()),
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
           [this, number](const rpc::RpcStatus& status) {
             refused(number, status);
           },
       .listed =
           [this, number](std::string devices) {
             listed(number, std::move(devices));
           },
       .ended = [this, number](
                    const rpc::RpcStatus& status) { ended(number, status); },
       .silence = [this,
                   number](bool is_silent) { silent(number, is_silent); }});
}

void Ward::register_plugin(std::string endpoint, std::string registration,
                           Done done) {
  if (candidate_) {
    candidate_->done({.code = rpc::RpcStatus::unavailable,
                      .text = "another registration came meanwhile"});
    candidate_.reset();
  }
  const int number = ++last_number_;
  auto link = open_link(endpoint, number);
  if (!link) {
    return done(
        {.code = rpc::RpcStatus::invalid_argument, .text = link.error().text});
  }
  candidate_number_ = number;
  candidate_.emplace(Candidate{std::move(*link), std::move(endpoint),
                               std::move(registration), std::move(done)});
}

void Ward::recall(const SavedResource& saved) {
  endpoint_ = saved.endpoint;
  registration_ = saved.registration;
  devices_ = saved.devices;
  unhealthy_ = wire::all_unhealthy(devices_).value_or("");
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
  kubelet_.offer(wire::with_endpoint(registration_, "").value_or(registration_),
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
    gone_since_ = context_.loop.now();
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

void Ward::refused(int number, const rpc::RpcStatus& status) {
  if (!candidate_ || number != candidate_number_) return;
  const Done done = std::move(candidate_->done);
  candidate_.reset();
  context_.log.event("plugin-refused", resource_, status.text);
  done({.code = rpc::RpcStatus::unavailable,
        .text = "failed to get device plugin options: " + status.text});
}

void Ward::listed(int number, std::string devices) {
  if (number != link_number_) return;
  auto unhealthy = wire::all_unhealthy(devices);
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

void Ward::ended(int number, const rpc::RpcStatus& status) {
  if (number != link_number_) return;
  has_list_ = false;
  gone_since_ = context_.loop.now();
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
      context_.loop.now() - gone_since_ > context_.settings.plugin_grace) {
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
  const Json at_kubelet = kubelet_.status();  // outlives the loop
  for (const auto& [key, value] : at_kubelet.as_object()) {
    out.set(key, value);
  }
  out.set("late_answers", late_answers_);
  out.set("waiting_for_plugin", preferred_.stuck() + allocate_.stuck());
  return out;
}

}  // namespace gpuward::kubelet::guard
