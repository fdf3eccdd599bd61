// The CDI specification that containers are given their devices by: made by
// NVIDIA's nvidia-ctk, which loads the driver's library and may hang, so the
// prober runs it, aside, and again whenever the devices change.
//
// Thread: the loop's.
#pragma once

#include <memory>
#include <string>

#include "host/host.h"
#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/resources.h"
#include "kubelet/plugin/settings.h"
#include "kubelet/record/call_log.h"
#include "loop/loop.h"

namespace gpuward::kubelet::service {

class CdiSpec {
 public:
  // `host` must live as long as the process, the others as long as this.
  static Result<std::unique_ptr<CdiSpec>> start(
      loop::Loop& loop, const host::Host& host, record::CallLog& log,
      const plugin::Settings& settings);
  ~CdiSpec();
  CdiSpec(const CdiSpec&) = delete;
  CdiSpec& operator=(const CdiSpec&) = delete;

  // What it must describe; made anew, aside, where that has changed.
  void update(const plugin::Inventory& inventory);
  // Why no container can be given this resource's devices: the specification
  // lacks one of them. Empty where it has them all.
  std::string problem_of(const plugin::Resource& resource) const;

 private:
  struct State;
  explicit CdiSpec(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gpuward::kubelet::service
