// The configuration file of NVIDIA's device plugin, version v1, YAML or JSON.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kubelet/plugin/settings.h"

namespace gpuward::kubelet::plugin {

struct ConfigFile {
  struct Entry {
    std::vector<std::string> texts;
    std::string place;  // "config.yaml:4: flags.migStrategy"
  };
  // By the flag of its row in setting_rows.h.
  std::map<std::string, Entry, std::less<>> entries;
  Sharing sharing;
  // What that program would pass over too, with file and line.
  std::vector<std::string> warnings;
};

// Pure. Fails with Error::malformed, every mistake a line "file:line: …".
Result<ConfigFile> read_config(const ConfigText& file);

}  // namespace gpuward::kubelet::plugin
