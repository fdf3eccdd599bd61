// CDI (container device interface): files of the host that say what a device
// with a name like "nvidia.com/gpu=0" is made of.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/root.h"
#include "model/evidence.h"

namespace gpuward::containers {

struct CdiNode {
  std::string path;       // in the container
  std::string host_path;  // the same where the file says nothing else
  std::string access;     // "rw" where the file says nothing

  bool operator==(const CdiNode&) const = default;
};

struct CdiDevice {
  std::vector<CdiNode> nodes;  // its own and those that all of its kind get
  std::string file;
};

class Cdi {
 public:
  // /etc/cdi and /run/cdi, JSON and YAML; the latter folder wins. A file that
  // cannot be used is a gap.
  static Cdi read(const host::Root& root, std::vector<Gap>& gaps);
  // nullptr where no file has it.
  const CdiDevice* find(std::string_view name) const;

 private:
  std::map<std::string, CdiDevice, std::less<>> devices_;
};

// "nvidia.com/gpu=0", and no class of another vendor's.
bool is_nvidia_cdi_name(std::string_view name);

}  // namespace gpuward::containers
