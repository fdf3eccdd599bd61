// kubelet.sock, where plugins register. Its answers can be held back and
// refused. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "kubelet/device_manager.h"

namespace gpuward::kubelet_test {

class Registrar {
 public:
  // `manager` must outlive it.
  Registrar(DeviceManager& manager, std::string path)
      : manager_(manager), path_(std::move(path)) {}

  Result<void> open();
  void close();

  void refuse(std::string text);  // empty: no more
  void hold(bool on);
  // How often somebody asked.
  int asked();

 private:
  Reply answer(const Call& call);
  bool is_held();

  DeviceManager& manager_;
  const std::string path_;
  std::unique_ptr<Server> server_;
  std::mutex mutex_;
  std::string refusal_;
  bool held_ = false;
  int asked_ = 0;
};

}  // namespace gpuward::kubelet_test
