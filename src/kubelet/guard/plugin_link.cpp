#include "kubelet/guard/plugin_link.h"

#include <algorithm>

#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::guard {
namespace {

constexpr Millis kFirstPause = 250ms;
constexpr Millis kLongestPause = 15s;
// A question that is late stays open so long: its answer is the first sign that
// a process that was stopped goes on.
constexpr Millis kCanary = 10min;

}  // namespace

Result<std::unique_ptr<PluginLink>> PluginLink::open(loop::Loop& loop,
                                                     const std::string& path,
                                                     Deadlines deadlines,
                                                     Events events) {
  std::unique_ptr<PluginLink> link(
      new PluginLink(loop, TRY(rpc::RpcClient::open(loop, path)), deadlines,
                     std::move(events)));
  link->connect();
  return link;
}

PluginLink::PluginLink(loop::Loop& loop, std::unique_ptr<rpc::RpcClient> client,
                       Deadlines deadlines, Events events)
    : loop_(loop),
      client_(std::move(client)),
      deadlines_(deadlines),
      events_(std::move(events)),
      opened_at_(loop_.now()),
      retry_timer_(loop.new_timer()),
      liveness_timer_(loop.new_timer()),
      late_timer_(loop.new_timer()) {}

PluginLink::~PluginLink() {
  for (const int timer : {retry_timer_, liveness_timer_, late_timer_}) {
    loop_.cancel(timer);
  }
}

void PluginLink::call(std::string_view method, const std::string& request,
                      Millis deadline, rpc::RpcClient::Done done) {
  client_->call(method, request, deadline, std::move(done));
}

void PluginLink::connect() {
  client_->call(wire::method::kOptions, "", deadlines_.options,
                [this](rpc::RpcClient::Answer answer) {
                  if (answer.status.code != rpc::RpcStatus::ok) {
                    const bool may_come = may_come_yet(answer.status);
                    if (may_come) tries_ = 0;
                    watch_again();
                    if (may_come) return;
                    const auto refused = events_.refused;
                    return refused(answer.status);
                  }
                  set_silent(false);
                  watch();
                  ask_whether_alive();
                  const auto connected = events_.connected;
                  connected(std::move(answer.bytes));
                });
}

// A plugin may register a moment before it listens; a kubelet waits as well.
bool PluginLink::may_come_yet(const rpc::RpcStatus& status) {
  return status.code == rpc::RpcStatus::unavailable &&
         loop_.now() - opened_at_ < deadlines_.options;
}

void PluginLink::watch() {
  client_->watch(wire::method::kListAndWatch, "",
                 {.message =
                      [this](std::string devices) {
                        tries_ = 0;
                        const auto listed = events_.listed;
                        listed(std::move(devices));
                      },
                  .ended =
                      [this](const rpc::RpcStatus& status) {
                        loop_.cancel(liveness_timer_);
                        loop_.cancel(late_timer_);
                        watch_again();
                        const auto ended = events_.ended;
                        ended(status);
                      }});
}

void PluginLink::watch_again() {
  constexpr int kMostDoublings = 8;
  const Millis pause = std::min(
      kFirstPause * (1 << std::min(tries_++, kMostDoublings)), kLongestPause);
  // Fails only when memory ran out; a plugin that starts anew registers anew.
  (void)loop_.at(retry_timer_, loop_.now() + pause, [this] { connect(); });
}

void PluginLink::ask_whether_alive() {
  const Boot now = loop_.now();
  (void)loop_.at(late_timer_, now + deadlines_.liveness_interval,
                 [this] { set_silent(true); });
  client_->call(wire::method::kOptions, "", kCanary,
                [this](const rpc::RpcClient::Answer& answer) {
                  loop_.cancel(late_timer_);
                  // No connection: the stream's end says so as well.
                  if (answer.status.code == rpc::RpcStatus::unavailable) return;
                  (void)loop_.at(liveness_timer_,
                                 loop_.now() + deadlines_.liveness_interval,
                                 [this] { ask_whether_alive(); });
                  if (answer.status.code != rpc::RpcStatus::deadline_exceeded) {
                    set_silent(false);
                  }
                });
}

void PluginLink::set_silent(bool is_silent) {
  if (std::exchange(is_silent_, is_silent) == is_silent) return;
  const auto silence = events_.silence;
  silence(is_silent);
}

}  // namespace gpuward::kubelet::guard
