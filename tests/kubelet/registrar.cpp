#include "kubelet/registrar.h"

#include <thread>

#include "device_plugin.pb.h"

namespace gpuward::kubelet_test {

Result<void> Registrar::open() {
  server_ = std::make_unique<Server>();
  server_->on(method::kRegister,
              [this](const Call& call) { return answer(call); });
  return server_->listen(path_);
}

void Registrar::close() {
  if (server_) Server::retire(std::move(server_));
}

void Registrar::refuse(std::string text) {
  const std::scoped_lock lock(mutex_);
  refusal_ = std::move(text);
}

void Registrar::hold(bool on) {
  const std::scoped_lock lock(mutex_);
  held_ = on;
}

int Registrar::asked() {
  const std::scoped_lock lock(mutex_);
  return asked_;
}

bool Registrar::is_held() {
  const std::scoped_lock lock(mutex_);
  return held_;
}

Reply Registrar::answer(const Call& call) {
  {
    const std::scoped_lock lock(mutex_);
    ++asked_;
    if (!refusal_.empty()) return {{kUnknown, refusal_}, {}};
  }
  while (is_held() && !call.cancelled()) std::this_thread::sleep_for(5ms);
  v1beta1::RegisterRequest request;
  if (!request.ParseFromString(call.request)) {
    return {{kInvalidArgument, "not a RegisterRequest"}, {}};
  }
  const Registration registration{
      request.version(), request.endpoint(), request.resource_name(),
      request.options().pre_start_required(),
      request.options().get_preferred_allocation_available()};
  return {manager_.register_plugin(registration, call.authority), {}};
}

}  // namespace gpuward::kubelet_test
