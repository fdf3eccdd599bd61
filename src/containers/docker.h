// Docker's own files about a container, below its data root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"

namespace gpuward::containers {

struct DockerRecord {
  std::string name, image;
  bool privileged = false;
  // --device, as written: "/dev/nvidia0" on the host, in the container, "rwm".
  struct Device {
    std::string host_path, path, access;
  };
  std::vector<Device> devices;
  std::vector<std::string> cdi_devices;  // --device nvidia.com/gpu=0
  std::vector<std::string> environment;
  bool asks_for_gpus = false;  // --gpus
  std::string file;            // hostconfig.json
};

// From daemon.json; "/var/lib/docker" where it says nothing else.
std::string docker_data_root(const host::Root& root);

// Error::not_found where Docker knows no such container.
Result<DockerRecord> read_docker(const host::Root& root,
                                 const std::string& data_root,
                                 const std::string& id);

// Pure.
Result<void> parse_docker_config(std::string_view text, DockerRecord& out);
Result<void> parse_docker_host_config(std::string_view text, DockerRecord& out);

}  // namespace gpuward::containers
