// `gpuward device-plugin`: the kubelet's device plugin in the place of
// NVIDIA's. What it knows comes from the agent's snapshot and from what it
// saved itself; it asks no driver, so that a call of the kubelet is answered in
// the same time whether the driver answers or hangs.
//
// Thread: the loop's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kubelet/plugin/health.h"
#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/resources.h"
#include "kubelet/plugin/settings.h"
#include "kubelet/record/file_keeper.h"
#include "kubelet/service/cdi_spec.h"
#include "kubelet/service/offer.h"
#include "kubelet/service/snapshot_reader.h"

namespace gpuward::kubelet::service {

class DevicePlugin {
 public:
  struct Wanted {
    std::string state_dir;
    plugin::Settings settings;
  };
  // `host` must live as long as the process, `loop` as long as the plugin.
  static Result<std::unique_ptr<DevicePlugin>> start(loop::Loop& loop,
                                                     const host::Host& host,
                                                     Wanted wanted);
  ~DevicePlugin();
  DevicePlugin(const DevicePlugin&) = delete;
  DevicePlugin& operator=(const DevicePlugin&) = delete;

 private:
  DevicePlugin(loop::Loop& loop, const host::Host& host, Wanted wanted);
  void recall();
  void look();
  void hear(SnapshotReader::News news);
  void judge();
  plugin::Inventory listed() const;
  void offer();
  void let_go_of_others(const std::vector<plugin::Resource>& wanted);
  void save();
  void tell();

  loop::Loop& loop_;
  const host::Host& host_;
  Wanted wanted_;
  record::CallLog log_{"device-plugin"};
  record::FileKeeper files_;
  plugin::Inventory inventory_;
  plugin::HealthState health_;
  std::unique_ptr<Snapshot> snapshot_;
  plugin::BusPlaces places_;
  std::string why_none_;
  std::vector<std::string> notes_;
  std::string saved_text_;
  Json told_;  // the resources, as people and metrics were told last
  Boot told_at_{};
  bool has_heard_ = false;
  Boot started_;
  std::map<std::string, std::unique_ptr<Offer>> offers_;
  // No longer offered: told the kubelet of no devices, and end soon.
  std::vector<std::unique_ptr<Offer>> leaving_;
  std::unique_ptr<CdiSpec> cdi_;  // where it is wanted
  std::unique_ptr<SnapshotReader> reader_;
  std::unique_ptr<registration::SocketWatch> kubelet_watch_;
  std::unique_ptr<registration::SocketWatch> snapshot_watch_;
};

}  // namespace gpuward::kubelet::service
