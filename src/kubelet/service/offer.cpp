#include "kubelet/service/offer.h"

#include <fmt/core.h>
#include <sys/random.h>

#include <array>

#include "kubelet/plugin/answer.h"
#include "kubelet/service/allocation_view.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::service {
namespace {

using Steady = std::chrono::steady_clock;

std::string random_uuid() {
  std::array<uint8_t, 16> bytes{};
  // Not for secrets: what early boot may fail to give may as well be zero.
  (void)!::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK);
  constexpr uint8_t kVersion4 = 0x40;
  constexpr uint8_t kVariant = 0x80;
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0fU) | kVersion4);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3fU) | kVariant);
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", bytes[i]);
  }
  return out;
}

rpc::RpcStatus status_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::malformed:
      return {.code = rpc::RpcStatus::invalid_argument, .text = error.text};
    case Error::Kind::unsupported:
      return {.code = rpc::RpcStatus::unimplemented, .text = error.text};
    case Error::Kind::gone:
    case Error::Kind::not_found:
      return {.code = rpc::RpcStatus::failed_precondition, .text = error.text};
    default:
      return {.code = rpc::RpcStatus::internal, .text = error.text};
  }
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    out += (out.empty() ? "" : "; ") + part;
  }
  return out;
}

}  // namespace

Offer::Offer(Context context, const std::string& resource)
    : context_(context),
      kubelet_(context_.loop, context_.log,
               {.kubelet_socket = context_.settings.kubelet_socket,
                .role = "plugin",
                .resource = resource},
               {.called =
                    [this](CallId call, std::string_view method,
                           const std::string& request) {
                      called(call, method, request);
                    },
                .left = [](CallId) {}}) {
  const wire::Registration registration{
      .resource = resource, .options = {.preferred_allocation = true}};
  kubelet_.offer(wire::encode(registration),
                 wire::encode(registration.options));
}

void Offer::update(const plugin::Resource& resource,
                   const plugin::Inventory& inventory) {
  if (resource != resource_ || inventory != inventory_) {
    resource_ = resource;
    inventory_ = inventory;
    view_ = allocation_view(resource, inventory, context_.settings);
  }
  tell_health();
}

void Offer::tell_health() {
  kubelet_.publish(
      wire::encode(plugin::to_devices(resource_, context_.health)));
  std::vector<std::string> reasons =
      plugin::reasons(resource_, context_.health);
  if (reasons == reasons_) return;
  reasons_ = std::move(reasons);
  context_.log.event(reasons_.empty() ? "devices-healthy" : "devices-unhealthy",
                     resource_.name, joined(reasons_));
}

void Offer::withdraw() {
  withdrawn_at_ = context_.loop.now();
  kubelet_.withdraw();
}

void Offer::called(CallId call, std::string_view method,
                   const std::string& request) {
  const auto began = Steady::now();
  auto answered = answer(method, request);
  record::CallLog::Call line{.resource = resource_.name, .method = method};
  if (const std::string ids = wire::ids_asked_for(method, request);
      !ids.empty()) {
    line.more.set("devices", ids);
  }
  if (answered) {
    kubelet_.answer(call, std::move(answered->bytes));
    line.text = std::move(answered->shortfall);
    if (!line.text.empty()) line.outcome = record::CallLog::Outcome::degraded;
  } else {
    line.outcome = record::CallLog::Outcome::failed;
    line.text = answered.error().text;
    kubelet_.refuse(call, status_of(answered.error()));
  }
  line.took = std::chrono::duration_cast<std::chrono::microseconds>(
      Steady::now() - began);
  context_.log.call(line);
}

Result<Offer::Answer> Offer::answer(std::string_view method,
                                    const std::string& request) {
  if (method == wire::method::kPreferred) return prefer(request);
  if (method == wire::method::kAllocate) return allocate_for(request);
  if (method == wire::method::kPreStart) return Answer{};
  return fail(Error::Kind::unsupported, "no such call");
}

Result<Offer::Answer> Offer::prefer(const std::string& request) {
  std::vector<wire::DeviceIds> out;
  bool is_best = true;
  for (const wire::PreferredWish& wish :
       TRY(wire::decode_preferred_wishes(request))) {
    allocation::Preferred one = view_.preferred(wish);
    is_best = is_best && one.exact;
    out.push_back(std::move(one.ids));
  }
  return Answer{wire::encode_preferred(out),
                is_best ? "" : "so many GPUs that not every set was looked at"};
}

Result<Offer::Answer> Offer::allocate_for(const std::string& request) {
  const auto wishes = TRY(wire::decode_allocate_wishes(request));
  const host::Root& root = context_.host.evidence;
  const plugin::AllocateInput input{.resource = resource_,
                                    .health = context_.health,
                                    .settings = context_.settings,
                                    .exists =
                                        [&root](std::string_view path) {
                                          return root.lstat(path).has_value();
                                        },
                                    .make_uuid = random_uuid};
  return Answer{wire::encode(TRY(plugin::allocate(input, wishes))), {}};
}

}  // namespace gpuward::kubelet::service
