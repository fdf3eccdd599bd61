// What `nvidia-smi -q` says of each GPU: a few facts out of its long tree of
// indented lines.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/evidence.h"

namespace gpuward::logs {

class SmiQuery {
 public:
  // Of these a GPU's own part has some hundreds.
  static constexpr int kLines = 400;
  static constexpr size_t kMostGpus = 1024;

  // Whether the line begins a GPU's part: "GPU 00000000:3B:00.0". The lines
  // that follow it mean something only together with it.
  static bool begins(std::string_view line);

  void line(std::string_view text, const std::string& file, int64_t number);
  std::vector<Evidence> facts() const;

 private:
  std::string path_to(size_t indent) const;

  std::string gpu_;  // whose part this is; empty outside of one
  int left_ = 0;     // lines of it, at most
  std::vector<std::pair<size_t, std::string>> sections_;  // with their indent
  std::map<std::pair<std::string, std::string>, Evidence> facts_;
  size_t gpus_ = 0;
};

}  // namespace gpuward::logs
