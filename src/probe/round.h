// One round of the prober: the node, then every GPU that is not left out, one
// frame each.
#pragma once

#include <functional>

#include "host/host.h"
#include "probe/launch.h"
#include "probe/protocol.h"
#include "probe/questions.h"

namespace gpuward::probe {

class Round {
 public:
  Round(const host::Host& host, const ProberSettings& settings, Caller& caller,
        ProgressWriter& progress);

  // False where nobody wants to hear more: the round ends there.
  using Answer = std::function<bool(Frame)>;

  // Where NVML does not start, or its driver went away, the node frame says so;
  // the supervisor then begins anew with another prober, since a reloaded
  // driver comes with another library and a library is not loaded twice.
  void run(const Answer& answer);

  void shut_down();

 private:
  // The library's path, once loaded.
  Result<std::string> load();
  NodeFrame node_frame();
  NodeFrame failed_node(nvmlReturn_t code, std::string why) const;
  bool start(NodeFrame& node);
  Gpu ask_gpu(unsigned index, const Answer& answer);
  void ask_caps(Gpu& gpu);

  const host::Host& host_;
  const ProberSettings& settings_;
  Caller& caller_;
  ProgressWriter& progress_;
  Nvml nvml_;  // of use once `started_`
  std::string library_;
  bool started_ = false;
  // The driver's list of the nodes of MIG instances, once it was needed: fixed
  // for as long as the driver is loaded, and a reloaded one gets a new prober.
  std::string mig_minors_;
};

}  // namespace gpuward::probe
