// One resource that the device plugin offers: its devices and their health to
// the kubelet, and the answers to its calls, from memory.
//
// Thread: the loop's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"
#include "kubelet/allocation/preferred.h"
#include "kubelet/plugin/health.h"
#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/resources.h"
#include "kubelet/plugin/settings.h"
#include "kubelet/registration/registrant.h"

namespace gpuward::kubelet::service {

class Offer {
 public:
  // All must outlive it; `health` is looked at when a call comes.
  struct Context {
    loop::Loop& loop;
    record::CallLog& log;
    const host::Host& host;
    const plugin::Settings& settings;
    const plugin::HealthState& health;
  };

  Offer(Context context, const std::string& resource);
  Offer(const Offer&) = delete;
  Offer& operator=(const Offer&) = delete;

  // What it is now, of which GPUs. Tells the kubelet where something changed.
  void update(const plugin::Resource& resource,
              const plugin::Inventory& inventory);
  // The resource is no more: the kubelet is told of no devices.
  void withdraw();
  Boot withdrawn_at() const { return withdrawn_at_; }

  // As Registrant's.
  void look() { kubelet_.look(); }
  Json status() const { return kubelet_.status(); }

 private:
  using CallId = registration::Registrant::CallId;
  void tell_health();
  void called(CallId call, std::string_view method, const std::string& request);
  struct Answer {
    std::string bytes;
    std::string shortfall;  // in which way it is less than it should be
  };
  Result<Answer> answer(std::string_view method, const std::string& request);
  Result<Answer> prefer(const std::string& request);
  Result<Answer> allocate_for(const std::string& request);

  Context context_;
  plugin::Resource resource_;
  plugin::Inventory inventory_;
  allocation::AllocationView view_;  // of the two
  std::vector<std::string> reasons_;
  Boot withdrawn_at_{};
  registration::Registrant kubelet_;
};

}  // namespace gpuward::kubelet::service
