// Facts from output of tools that only several lines together say: lspci -k,
// lsmod, systemctl status, nvidia-smi's table, nvidia-smi --query-gpu.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/evidence.h"

namespace gpuward::logs {

// One for each machine; lines in the order of the file.
class ToolOutput {
 public:
  // Of which one stands in every line that says something here, but for those
  // that follow a heading.
  static std::vector<std::string> literals();
  // How many of the lines after this one are to be shown as well.
  static int lines_after(std::string_view line);

  void line(std::string_view text, const std::string& file, int64_t number);
  std::vector<Evidence> facts() const;

 private:
  void say(std::string_view key, const std::string& gpu, Value value,
           std::string words);
  void pci(std::string_view text);
  void modules(std::string_view text);
  void unit(std::string_view text);
  void smi_row(std::string_view text);
  void csv(std::string_view text);
  void cell(const std::string& gpu, std::string_view name,
            std::string_view value);

  const std::string* file_ = nullptr;
  int64_t number_ = 0;
  std::map<std::pair<std::string, std::string>, Evidence> facts_;

  std::string pci_gpu_;  // whose part of lspci's output this is
  std::set<std::string> pci_gpus_;
  int modules_ = -1;  // listed so far; -1 outside of such a list
  bool nvidia_listed_ = false;
  std::string unit_;  // a fact's key
  int64_t unit_line_ = 0;
  std::vector<std::string> columns_;
  int64_t csv_line_ = 0;
};

}  // namespace gpuward::logs
